"""The blocks of one stream as they arrive, in order and told apart.

Text is shown at once, and so is thinking, with a mark. Of a tool call, the head is shown when it
begins, and the input when it is whole. Where a cited passage ends comes the number of a note; the
notes come after the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..._chunks import (
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    InputJsonDeltaChunk,
    MessageStartChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownDeltaChunk,
)
from ..._model import (
    CompactionBlock,
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    parsed_input,
)
from ..display import BOLD, DIM, printable_text, styled
from ..wrapping import Wrapper, wrapped
from .blocks import body_of, head_of, lines_of_json
from .notes import Notes

if TYPE_CHECKING:
    from ..._chunks import AnthropicCallResponseChunk
    from ..._model import AnyCitation, AnyContentBlock

    _ToolUse = ToolUseBlock | ServerToolUseBlock | McpToolUseBlock

__all__ = ["Transcript"]

_THINKING = "| "
_BODY = "  "
# A higher count makes no sense, and Python does not write integers of thousands of digits.
_MOST_TOKENS = 10**12
# A line of JSON may be as long where lines are not broken.
_JSON_COLUMNS = 80


@attrs.define(eq=False)
class _Open:
    """A block that has begun and not ended, with what its deltas brought so far.

    Attributes:
        block: The block as it began.
        json: The parts of a tool's input.
        citations: The citations.
        is_shown: Whether any thinking is shown.
        is_signed: Whether the thinking has a signature.
        tokens: About how many tokens the thinking has, as far as deltas say.
        deltas: Deltas that are not known.
    """

    block: AnyContentBlock
    json: list[str] = attrs.field(factory=list)
    citations: list[AnyCitation] = attrs.field(factory=list)
    is_shown: bool = False
    is_signed: bool = False
    tokens: int = 0
    deltas: list[dict[str, object]] = attrs.field(factory=list)


class Transcript:
    """Shows the chunk views of one stream, one after the other."""

    def __init__(self, *, is_terminal: bool, color: bool, columns: int | None = None) -> None:
        """Begin a transcript.

        Args:
            is_terminal: Whether a terminal will show it. Then control characters are escaped, and
                cited passages are followed by the numbers of their notes. Otherwise text and
                thinking are unchanged, except that half a character without the other half is
                U+FFFD, since it cannot be encoded.
            color: Whether heads are bold, and thinking and notes dim.
            columns: As for `Wrapper`.
        """
        self._is_terminal = is_terminal
        self._color = color
        self._columns = columns
        self._json_width = (columns or _JSON_COLUMNS) - len(_BODY) - 1
        self._open: dict[int, _Open] = {}
        self._tools: dict[str, str] = {}
        """The names of the tools that were called, by the call's id."""
        self._notes = Notes()
        self._section: object = None
        """What is being shown: text, a piece of thinking, or another block."""
        self._style = ""
        self._wrapper = Wrapper(columns)
        self._half = ""
        self._out: list[str] = []

    def add(self, chunk: AnthropicCallResponseChunk) -> str:
        """Take the next chunk view.

        Args:
            chunk: The chunk view.

        Returns:
            What to write, often "". On a terminal the last word is held back until it is whole.
        """
        match chunk:
            case TextDeltaChunk():
                self._add_text(chunk.text)
            case ThinkingDeltaChunk():
                self._add_thinking(chunk.index, chunk.thinking, chunk.estimated_tokens or 0)
            case InputJsonDeltaChunk():
                self._opened(chunk.index, ToolUseBlock("", "", {})).json.append(chunk.partial_json)
            case CitationsDeltaChunk():
                if chunk.citation is not None:
                    self._opened(chunk.index, TextBlock("")).citations.append(chunk.citation)
            case CompactionDeltaChunk():
                opened = self._opened(chunk.index, CompactionBlock())
                opened.block = CompactionBlock(chunk.summary)
            case SignatureDeltaChunk():
                self._opened(chunk.index, ThinkingBlock("")).is_signed = True
            case UnknownDeltaChunk():
                if chunk.index in self._open:
                    self._open[chunk.index].deltas.append(chunk.delta)
            case ContentBlockStartChunk():
                self._start(chunk.index, chunk.content_block)
            case ContentBlockStopChunk():
                self._stop(chunk.index)
            case MessageStartChunk():
                for index, block in enumerate(chunk.message.content):
                    self._start(index, block)
                    self._stop(index)
            case _:
                pass
        return self._written()

    def end(self) -> str:
        """End the transcript, so that something else can follow.

        Returns:
            What was held back, with blocks that were cut off, and an empty line; "" if nothing
            was ever shown.
        """
        for index in list(self._open):
            self._stop(index, is_cut=True)
        if self._section is not None:
            self._end_section()
            self._section = None
            self._out.append("\n")
        return self._written()

    def _written(self) -> str:
        written = "".join(self._out)
        self._out.clear()
        return written

    def _write(self, text: str, style: str) -> None:
        self._out.append(styled(text, style, color=self._color))

    def _enter(self, section: object, *, mark: str = "", style: str = "") -> bool:
        """Begin a section, unless it is the current one. Say whether it has begun."""
        if section == self._section:
            return False
        if self._section is not None:
            self._end_section()
            self._out.append("\n")
        self._section = section
        self._style = style
        self._wrapper = Wrapper(self._columns, mark=mark)
        return True

    def _end_section(self) -> None:
        half, self._half = self._half, ""
        self._write(self._wrapper.add(self._printable(half)), self._style)
        self._write(self._wrapper.end_line(), self._style)
        if notes := self._notes.take_due():
            self._out.append("\n")
            for note in notes:
                self._write(wrapped(note, self._columns, indent="    "), DIM)

    def _add_prose(self, text: str) -> None:
        """Show text of the current section. A half at its end waits for the other half."""
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        whole = self._printable(text[:-1] if self._half else text)
        self._write(self._wrapper.add(whole), self._style)

    def _printable(self, text: str) -> str:
        return printable_text(text, is_terminal=self._is_terminal)

    def _add_text(self, text: str) -> None:
        # A cited passage is a block of its own: the text goes on in the next one.
        if text:
            self._enter("text")
            self._add_prose(text)

    def _add_thinking(self, index: int, text: str, tokens: int) -> None:
        opened = self._opened(index, ThinkingBlock(""))
        if 0 < tokens < _MOST_TOKENS:
            opened.tokens += tokens
        if text:
            opened.is_shown = True
            self._enter(opened, mark=_THINKING, style=DIM)
            self._add_prose(text)

    def _show_head(self, opened: _Open, tool: str = "") -> None:
        if self._enter(opened):
            self._write(wrapped(head_of(opened.block, tool), self._columns, indent="    "), BOLD)

    def _show_body(self, lines: list[str]) -> None:
        for line in lines:
            lead = " " * (len(line) - len(line.lstrip(" ")) + 4)
            self._out.append(wrapped(line, self._columns, mark=_BODY, indent=lead))

    def _opened(self, index: int, start: AnyContentBlock) -> _Open:
        """Give the open block of an index. A delta may come without a start."""
        if index not in self._open:
            self._open[index] = _Open(start)
        return self._open[index]

    def _start(self, index: int, block: AnyContentBlock) -> None:
        self._stop(index)
        opened = self._open[index] = _Open(block)
        match block:
            case TextBlock():
                self._add_text(block.text)
                opened.citations += block.citations or ()
            case ThinkingBlock():
                opened.is_signed = bool(block.signature)
                self._add_thinking(index, block.thinking, 0)
            case CompactionBlock():
                pass  # its summary comes in a delta
            case ToolUseBlock() | ServerToolUseBlock() | McpToolUseBlock():
                self._tools[block.id] = block.name
                self._show_head(opened)
            case _:
                tool = ""
                if isinstance(block, ToolResultBlock):
                    tool = self._tools.get(block.tool_use_id, "")
                self._show_head(opened, tool)
                self._show_body(body_of(block, self._json_width))

    def _stop(self, index: int, *, is_cut: bool = False) -> None:
        opened = self._open.pop(index, None)
        if opened is None:
            return
        match opened.block:
            case TextBlock():
                self._cite(opened.citations)
            case ThinkingBlock():
                if not opened.is_shown and (opened.is_signed or opened.tokens):
                    about = f", about {opened.tokens:,} tokens" if opened.tokens else ""
                    self._enter(opened, mark=_THINKING, style=DIM)
                    self._add_prose(f"(thinking that is not shown{about})")
            case CompactionBlock():
                if opened.block.content or not is_cut:
                    self._show_head(opened)
                    self._show_body(body_of(opened.block, self._json_width))
            case UnknownBlock():
                for delta in opened.deltas:
                    self._show_head(opened)
                    self._show_body(lines_of_json(delta, self._json_width))
            case ToolUseBlock() | ServerToolUseBlock() | McpToolUseBlock():
                self._show_head(opened)
                block = _with_input(opened.block, "".join(opened.json))
                self._show_body(body_of(block, self._json_width))
                if is_cut and (isinstance(block.input, InvalidJson) or not block.input):
                    self._show_body(["(cut off)"])
            case _:
                pass

    def _cite(self, citations: list[AnyCitation]) -> None:
        if not citations:
            return
        self._enter("text")
        numbers = "".join(f"[{self._notes.number_of(citation)}]" for citation in citations)
        if self._is_terminal:
            self._add_prose(numbers)


def _with_input(block: _ToolUse, text: str) -> _ToolUse:
    """Read the input that deltas brought. Without any, a block keeps the one of its start."""
    return attrs.evolve(block, input=parsed_input(text)) if text.strip() else block
