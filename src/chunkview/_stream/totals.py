"""The totals of one stream, flat, as a row of a table needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._model import Usage

if TYPE_CHECKING:
    from ..common import CostMetadata

__all__ = ["Totals", "totals_of"]


class Totals(NamedTuple):
    """What a stream amounts to. None means that it is not known.

    Attributes:
        id: The message's id.
        model: The model that answered.
        stop_reason: Why generation ended.
        input_tokens: Prompt tokens, without cache reads and writes.
        cache_read_input_tokens: Tokens read from the cache.
        cache_creation_input_tokens: Tokens written to the cache.
        ephemeral_5m_input_tokens: Those of them that the cache keeps for five minutes.
        ephemeral_1h_input_tokens: Those of them that the cache keeps for an hour.
        output_tokens: Tokens generated.
        web_search_requests: Searches made by the server tool.
        service_tier: `standard`, `priority` or `batch`.
        inference_geo: Where inference ran.
        cost_metadata: The facts that a price calculation needs.
        events: How many events there are.
        complete: Whether the message is finished.
    """

    id: str | None
    model: str | None
    stop_reason: str | None
    input_tokens: int | None
    cache_read_input_tokens: int | None
    cache_creation_input_tokens: int | None
    ephemeral_5m_input_tokens: int | None
    ephemeral_1h_input_tokens: int | None
    output_tokens: int | None
    web_search_requests: int | None
    service_tier: str | None
    inference_geo: str | None
    cost_metadata: CostMetadata
    events: int
    complete: bool


_NO_USAGE = Usage()


def totals_of(
    names: tuple[str | None, str | None, str | None],
    usage: Usage | None,
    cost_metadata: CostMetadata,
    events: int,
    *,
    complete: bool,
) -> Totals:
    """Collect the totals of a stream.

    Args:
        names: The id, the model and the stop reason.
        usage: The final usage, or None.
        cost_metadata: The facts that a price calculation needs.
        events: How many events there are.
        complete: Whether the message is finished.
    """
    if usage is None:
        usage = _NO_USAGE
    written, tools = usage.cache_creation, usage.server_tool_use
    return Totals(
        *names,
        usage.input_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        None if written is None else written.ephemeral_5m_input_tokens,
        None if written is None else written.ephemeral_1h_input_tokens,
        usage.output_tokens,
        None if tools is None else tools.web_search_requests,
        usage.service_tier,
        usage.inference_geo,
        cost_metadata,
        events,
        complete,
    )
