"""CostMetadata from what a response says: its counts, how it ended, and which models declined.

A model may decline before any output. The API then bills the tokens only if the refusal is of
certain categories, so its category is part of what a price depends on. Where another model goes on
(a fallback, beta), each attempt has an entry in `usage.iterations`, and is billed by itself. The
entry does not say that the model declined. The fallback block does, with the category.

Source: https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback (How refusals
are billed; Billing and rate limits).
"""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..common import CostMetadata
from .generate import per_class
from .record import Record, schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .blocks import FallbackBlock
    from .usage import IterationUsage, MessageDeltaUsage, Usage

__all__ = [
    "NOT_FINISHED",
    "NO_FINAL_USAGE",
    "UNREADABLE",
    "Declined",
    "cost_metadata",
    "note_declined",
    "refusal_of",
]

Declined = dict[tuple[str, str], str]
"""The models of each fallback, from and to, in order; and the category of the refusal."""

NOT_FINISHED = "the message is not finished"
NO_FINAL_USAGE = "no message_delta says how many tokens were generated"
UNREADABLE = "{} cannot be read"
_NO_USAGE = "there are no counts"
_NO_OUTPUT = "there is content, but output_tokens is 0"
_NO_ATTEMPTS = "another model declined first, and no iteration says what that used"
_NO_SUM = "the iterations and the whole do not have the same {}"
_NO_MODEL = "an iteration does not say which of several models ran it"

_UNKNOWN = "unknown"
"""The category of a refusal where nothing says what it was."""
_CONTRADICTORY = "several"
"""The category of a fallback that came with several."""
_MOST_DECLINED = 8
"""How many fallbacks are told apart. The API allows three."""
_LONGEST_CATEGORY = 100
_SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_ATTEMPTS = ("message", "fallback_message")
"""The iterations of models that answer. Others are always billed."""


def refusal_of(stop_reason: str | None, stop_details: Mapping[str, Any] | None) -> str | None:
    """Find the category of a refusal.

    Args:
        stop_reason: The stop reason of the message.
        stop_details: The details that the message has.

    Returns:
        The category. "" where the refusal names none: `stop_details` or its `category` is null.
        None where the message is no refusal.
    """
    if stop_reason != "refusal":
        return None
    return "" if stop_details is None else _category(stop_details)


def note_declined(declined: Declined, block: FallbackBlock) -> None:
    """Note that a model declined and another one goes on.

    Args:
        declined: What is known so far. A fallback of the same two models is the same fallback,
            which some servers send twice.
        block: The fallback block.
    """
    models = (block.from_.model, block.to.model)
    trigger = block.trigger
    category = _UNKNOWN if trigger is None else _category(trigger)
    known = declined.get(models)
    if known is None:
        if len(declined) <= _MOST_DECLINED:
            declined[models] = category
    elif known == _UNKNOWN:
        declined[models] = category
    elif category not in (known, _UNKNOWN):
        declined[models] = _CONTRADICTORY


def _category(details: Mapping[str, Any]) -> str:
    category = details.get("category")
    if category is None:
        return ""
    if isinstance(category, str) and len(category) <= _LONGEST_CATEGORY:
        return category
    return _UNKNOWN


def cost_metadata(
    usage: Usage | MessageDeltaUsage | None,
    model: str | None = None,
    *,
    doubt: str | None = None,
    has_content: bool = False,
    refusal: str | None = None,
    declined: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> CostMetadata:
    """Collect what a price calculation needs.

    Args:
        usage: The token counts, or None when there are none.
        model: The model that answered, or None when it is not known.
        doubt: Why these are not the counts of the whole response; "" if they are; None if nobody
            said.
        has_content: Whether the message has a block, other than the fallback blocks.
        refusal: What `refusal_of` gives.
        declined: The fallbacks.

    Returns:
        A CostMetadata, in which None means: not known.
    """
    if usage is None:
        return CostMetadata(model=model, final=False, doubt=doubt or _NO_USAGE)
    if not doubt:
        doubt = _doubt(usage, declined, has_content=has_content) or doubt
    written, tools = usage.cache_creation, usage.server_tool_use
    tier, region, speed = usage.service_tier, usage.inference_geo, usage.speed
    iterations: list[CostMetadata] = []
    if usage.iterations:
        attempts = _refusals(usage.iterations, refusal, declined, has_content=has_content)
        for iteration, of_iteration, lacks_model in attempts:
            split = iteration.cache_creation
            one = CostMetadata(
                iteration.input_tokens,
                iteration.output_tokens,
                iteration.cache_read_input_tokens,
                model=iteration.model or model,
                cache_write_tokens=iteration.cache_creation_input_tokens,
                cache_write_5m_tokens=None if split is None else split.ephemeral_5m_input_tokens,
                cache_write_1h_tokens=None if split is None else split.ephemeral_1h_input_tokens,
                tier=tier,
                region=region,
                speed=speed,
                refusal=of_iteration,
                final=False if lacks_model else None,
                doubt=_NO_MODEL if lacks_model else "",
            )
            iterations.append(one)
    return CostMetadata(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        model=model,
        cache_write_tokens=usage.cache_creation_input_tokens,
        cache_write_5m_tokens=None if written is None else written.ephemeral_5m_input_tokens,
        cache_write_1h_tokens=None if written is None else written.ephemeral_1h_input_tokens,
        web_search_requests=None if tools is None else tools.web_search_requests,
        web_fetch_requests=None if tools is None else tools.web_fetch_requests,
        tier=tier,
        region=region,
        speed=speed,
        iterations=tuple(iterations),
        refusal=None if has_content else refusal,
        final=None if doubt is None else not doubt,
        doubt=doubt or "",
    )


def _doubt(
    usage: Usage | MessageDeltaUsage,
    declined: Mapping[tuple[str, str], str],
    *,
    has_content: bool,
) -> str:
    """Why the counts cannot be those of the whole response, or ""."""
    misfits = _misfits(usage)
    if misfits:
        return UNREADABLE.format(", ".join(sorted(misfits)))
    iterations = usage.iterations or ()
    if declined and len(_runs(iterations)) <= len(declined):
        return _NO_ATTEMPTS
    odd = "" if declined else _odd_sum(usage, iterations)
    if odd:
        return _NO_SUM.format(odd)
    has_output = usage.output_tokens != 0 or any(one.output_tokens for one in iterations)
    return _NO_OUTPUT if has_content and not has_output else ""


def _odd_sum(usage: Usage | MessageDeltaUsage, iterations: tuple[IterationUsage, ...]) -> str:
    """Find a count of the top level that does not come from the iterations of its model.

    The top level has the output of all of them. Where a model asked an advisor, it has the input
    of the first one only. With a fallback, it has the counts of the last model only.

    Returns:
        The name of the count, or "".
    """
    own = [one for one in iterations if one.type == "message"]
    if not own or any(one.type == "fallback_message" for one in iterations):
        return ""
    for name in _SUMS:
        whole = getattr(usage, name)
        counts = [getattr(one, name) or 0 for one in own]
        is_first = name != "output_tokens" and whole == counts[0]
        if whole is not None and whole != sum(counts) and not is_first:
            return name
    return ""


def _misfits(usage: Record) -> set[str]:
    """The counts, or objects of counts, that came as something else."""
    found = set(schema(type(usage)).names.intersection(usage.extra)) if usage.extra else set()
    for name in _parts_of(type(usage)):
        part = getattr(usage, name)
        for one in part if isinstance(part, tuple) else (part,):
            if one is not None:
                found |= _misfits(one)
    return found


@per_class
def _parts_of(cls: type[Any]) -> tuple[str, ...]:
    """The fields of a class that hold records."""
    return tuple([key.name for key in schema(cls).keys if key.parts is not None])


def _refusals(
    iterations: tuple[IterationUsage, ...],
    refusal: str | None,
    declined: Mapping[tuple[str, str], str],
    *,
    has_content: bool,
) -> Iterable[tuple[IterationUsage, str | None, bool]]:
    """Find the iterations of the models that declined before any output.

    Returns:
        Each iteration; the category of the refusal, or None if it was not declined; and whether it
        should name its model but does not.
    """
    runs = _runs(iterations)
    has_fallback = bool(declined) or any(one.type == "fallback_message" for one in iterations)
    categories: list[str | None] = [None] * len(runs)
    if runs and has_fallback:
        is_told = len(runs) == len(declined) + 1 <= _MOST_DECLINED
        told = [_UNKNOWN if one == _CONTRADICTORY else one for one in declined.values()]
        categories[:-1] = told if is_told else [_UNKNOWN] * (len(runs) - 1)
    if runs:
        categories[-1] = refusal
    found: dict[int, str] = {}
    for place, (run, category) in enumerate(zip(runs, categories, strict=True)):
        is_silent = all(iteration.output_tokens == 0 for iteration in run)
        is_silent |= place == len(runs) - 1 and not has_content
        if category is not None and is_silent:
            found.update(dict.fromkeys(map(id, run), category))
    for iteration in iterations:
        is_unnamed = iteration.type == "message" and iteration.model is None
        lacks_model = has_fallback and is_unnamed and len(iterations) > 1
        yield iteration, found.get(id(iteration)), lacks_model


def _runs(iterations: tuple[IterationUsage, ...]) -> list[list[IterationUsage]]:
    """The iterations of each model that answered or declined, in order.

    A model that runs several, because it uses server tools, has them in a row.
    """
    attempts = [iteration for iteration in iterations if iteration.type in _ATTEMPTS]
    return [list(run) for _, run in itertools.groupby(attempts, key=lambda one: one.model)]
