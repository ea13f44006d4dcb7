"""Message: what the events of a stream amount to, finished or so far.

Source: https://docs.anthropic.com/en/api/messages (the response), and the beta API for the
fields marked so.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import attrs

from .blocks import AnyContentBlock, FallbackBlock, TextBlock, ThinkingBlock, ToolUseBlock
from .characters import with_whole_characters
from .costs import NOT_FINISHED, Declined, cost_metadata, note_declined, refusal_of
from .next_turn import block_of_turn, blocks_of_turn, breach_of
from .record import Record, record
from .streamed import events_of_block, events_of_message
from .usage import Usage

if TYPE_CHECKING:
    from ..common import CostMetadata

__all__ = ["Message"]


@final
@record
class Message(Record):
    """An assistant's message.

    Attributes:
        id: The message's id, or "".
        model: The model that answered, or "".
        content: The content blocks, in order.
        usage: What the message cost, in tokens. Never None.
        stop_reason: Why generation ended, or None while it goes on.
        stop_sequence: The stop sequence that ended generation, or None.
        role: `assistant`.
        stop_details: More about the stop (why the model refused, say), unchanged.
        container: The container of the code execution tool, unchanged.
        context_management: What context management did (beta), unchanged.
        diagnostics: Why the prompt cache was missed, unchanged.
        input_transformations: What the API changed in the input (beta), unchanged.
    """

    type: ClassVar[Literal["message"]] = "message"

    id: str
    model: str
    content: tuple[AnyContentBlock, ...]
    usage: Usage
    stop_reason: str | None = None
    stop_sequence: str | None = None
    role: str = attrs.field(default="assistant", kw_only=True)
    stop_details: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    container: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    context_management: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    diagnostics: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    input_transformations: list[Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    # The API always writes these two keys, so a message made by hand has them as well.
    _memory: dict[str, Any] = attrs.field(
        factory=lambda: {"stop_reason": None, "stop_sequence": None},
        kw_only=True,
        eq=False,
        repr=False,
        alias="memory",
    )

    # Why the counts are not those of the whole response: a stream may end before it says them.
    # "" if they are. None if nobody said, because the message did not come from a stream.
    _doubt: str | None = attrs.field(
        default=None, kw_only=True, eq=False, repr=False, alias="doubt"
    )

    @property
    def text(self) -> str:
        """The text of all text blocks, joined."""
        return "".join([block.text for block in self.content if isinstance(block, TextBlock)])

    @property
    def thinking(self) -> str:
        """The text of all thinking blocks, joined."""
        return "".join(
            [block.thinking for block in self.content if isinstance(block, ThinkingBlock)]
        )

    @property
    def signature(self) -> str:
        """The signatures of all thinking blocks, joined."""
        return "".join(
            [block.signature for block in self.content if isinstance(block, ThinkingBlock)]
        )

    @property
    def tool_calls(self) -> tuple[ToolUseBlock, ...]:
        """The calls of the caller's own tools to run, in order: those of `to_param()`.

        So the calls of a model that gave up are not among them: they come before the last
        FallbackBlock, and the API wants no results of them. Some servers send a call twice: of two
        equal calls with one id, this is the first.
        """
        return tuple([block for block in self._turn() if isinstance(block, ToolUseBlock)])

    def _turn(self) -> list[AnyContentBlock]:
        """The blocks that the API accepts in the next request."""
        return blocks_of_turn(self.content, self.stop_reason)

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs."""
        doubt = self._doubt
        if doubt is None and self.stop_reason is None:
            doubt = NOT_FINISHED
        declined: Declined = {}
        has_content = False
        for block in self.content:
            if isinstance(block, FallbackBlock):
                note_declined(declined, block)
            else:
                has_content = True
        return cost_metadata(
            self.usage,
            self.model or None,
            doubt=doubt,
            has_content=has_content,
            refusal=refusal_of(self.stop_reason, self.stop_details),
            declined=declined,
        )

    def to_param(self, *, check: bool = False) -> dict[str, Any]:
        """Make the assistant's turn of the next request, as the API accepts it.

        It is made for finished answers and for those that broke off. The API refuses some of what
        it sends. So some blocks are left out: text without text, thinking without its signature or
        at the end, calls of server tools without a result (they stay after `pause_turn` and
        `tool_use`), what a model wrote before another took over, half a block. A tool's input that
        is no JSON object is written as `{"INVALID_JSON": "<the text>"}`. Half a character is
        written as U+FFFD. docs/the-next-turn.md has the rules, each with its source.

        Each call in `tool_calls` needs its `tool_result` in the next message, also a call with an
        invalid input, and no other call does.

        `content` may be `[]`: the answer has nothing that the API accepts. Do not send such a turn:
        the API takes it only as the last message of a request. Leave it out, and go on with a user
        message, such as "Please continue".

        Args:
            check: Raise an error if the API would refuse the turn. Only what cannot be mended is
                left to find: two different calls with one id, an id that the API does not take, the
                result of a server tool without `content`, values that JSON does not have (NaN), and
                keys that are missing or have a value of another type, which a stream has findings
                for.

        Returns:
            `{"role": "assistant", "content": [...]}`, JSON-serialisable.

        Raises:
            ValueError: With `check`: the API would refuse the turn. The text begins with the name
                of the rule and says where.
        """
        turn = self._turn()
        if check and (breach := breach_of(turn)):
            raise ValueError(breach)
        content = [block_of_turn(block) for block in turn]
        return {"role": "assistant", "content": with_whole_characters(content)}

    def to_dict(self) -> dict[str, Any]:
        """Write the message as the API gives it without streaming.

        The API's JSON has no place for `cost_metadata.doubt`: the message that `from_dict` reads
        has the same counts, and `final` is no longer False. So if you store a message and bill it
        later, store its price or its `cost_metadata` beside it.

        Returns:
            A new, JSON-serialisable dict. For a message that was read, it is the same JSON as what
            was read. Where `attrs.evolve` changed a field, the field wins.
        """
        return super().to_dict()

    def to_events(self) -> list[dict[str, Any]]:
        """Make the events of a stream that amounts to this message.

        This is for servers that have a whole answer and must stream it: the text of a block, its
        thinking, its signature, its citations and a tool's input come as deltas, one each.
        `chunkview.encode` writes an event as bytes.

        Source: https://docs.anthropic.com/en/api/messages-streaming.

        Returns:
            New dicts, from `message_start` to `message_stop`. `accumulate(message.to_events())`
            equals the message, if it is one that a stream can give: where a FallbackBlock names
            another model, the stream ends with that model. Where `cost_metadata.final` is False,
            `message_delta` has no count of the output, so that the counts stay in doubt.
        """
        blocks = itertools.starmap(events_of_block, enumerate(self.content))
        is_doubtful = self.cost_metadata.final is False
        # Null, rather than no usage at all: the SDK reads the count, and would fail without it.
        usage = {"output_tokens": None if is_doubtful else self.usage.output_tokens}
        return events_of_message(self.to_dict(), itertools.chain.from_iterable(blocks), usage)

    def _repr_html_(self) -> str:
        """Show the message in a notebook.

        Source: https://ipython.readthedocs.io/en/stable/config/integrating.html (rich display).
        """
        from .notebook import html_of  # only notebooks need it

        return html_of(self)
