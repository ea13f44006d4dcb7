"""Workloads: bodies of known content and size, for benchmarks and load tests.

`_Body` writes the events one after the other, with the framing, the padding and the sizes of
recorded streams. All that varies comes from `_Dice`, which gives the same numbers on every Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

__all__ = ["WORKLOAD_VERSION", "workload", "workload_names"]

WORKLOAD_VERSION = 1
"""The version of all workloads. It rises when the bytes of any workload change: figures that were
measured on different versions cannot be compared."""

LEAST_DELTAS = 10
SHORT_EVENTS = 40
RESULT_SIZE = 20_000


def workload_names() -> tuple[str, ...]:
    """Name the workloads.

    Returns:
        The names that `workload` takes, sorted.
    """
    return tuple(sorted(_WRITERS))


def workload(name: str, deltas: int = 2000, seed: int = 0) -> bytes:
    """Make the body of a streamed response for benchmarks and load tests.

    The same arguments give the same bytes on every Python and every machine, until
    `WORKLOAD_VERSION` changes. Each body is valid: `chunkview.conformance.check` finds nothing. The
    framing, the padding of events, the pings and the lengths of deltas are those of recorded
    streams. The text is made up.

    - `chat`: one block of text: paragraphs, lists and code.
    - `thinking`: a thinking block with its signature, then a quarter as much text.
    - `tool_call`: a sentence, then one tool call with a large input.
    - `many_tools`: a sentence, then tool calls of 8 to 37 deltas each.
    - `citations`: text that cites documents. Each second block has citations.
    - `server_tools`: web searches, fetched pages and commands. Each result has about 20 kB. Text
      that cites the searches follows.
    - `short`: exactly forty events, as most real streams are. By seed, it is text alone, text and a
      tool call, thinking and text, thinking and a tool call, cited text, or a server tool with its
      result of 20 kB. Any twenty seeds in a row have 7, 4, 2, 1, 2 and 4 of these kinds.

    Args:
        name: One of `workload_names()`.
        deltas: The number of `content_block_delta` events, at least 10. `short` ignores it.
        seed: Which body of its kind. Another seed gives other texts, tools and sizes.

    Returns:
        The body, a `text/event-stream` in UTF-8.

    Raises:
        ValueError: No workload has this name; the message lists all names. Or `deltas` is below 10.
    """
    if name not in _WRITERS:
        raise ValueError(
            f"no workload is named {name!r}; the names are {', '.join(workload_names())}"
        )
    if deltas < LEAST_DELTAS:
        raise ValueError(f"a workload has at least {LEAST_DELTAS} deltas, not {deltas}")
    body = _Body(_Dice(f"{name} {seed}"))
    _WRITERS[name](body, deltas, seed)
    return body.end()


# -- the workloads ----------------------------------------------------------------------------


def _chat(body: _Body, deltas: int, _: int) -> None:
    body.text(deltas)


def _thinking(body: _Body, deltas: int, _: int) -> None:
    text = deltas // 5
    body.thinking(deltas - text)
    body.text(text)


def _tool_call(body: _Body, deltas: int, _: int) -> None:
    body.text(4)
    body.tool(deltas - 4)


def _many_tools(body: _Body, deltas: int, _: int) -> None:
    body.text(2)
    left = deltas - 2
    while left:
        tool = 8 + body.dice.below(23)
        # A rest that is too small for a tool belongs to this one.
        tool = left if left < tool + 8 else tool
        body.tool(tool)
        left -= tool


def _citations(body: _Body, deltas: int, _: int) -> None:
    titles = [_title(body.dice) for _ in range(3)]
    left = deltas
    while left:
        left -= body.text(min(left, 4 + body.dice.below(12)))
        left -= body.cited(min(left, 4 + body.dice.below(8)), lambda: _of_document(body, titles))


def _server_tools(body: _Body, deltas: int, _: int) -> None:
    left = deltas
    while left:
        left -= _server_round(body, min(left, 40 + body.dice.below(30)))


def _server_round(body: _Body, deltas: int) -> int:
    """A server tool, its result, and text that cites it."""
    use = min(deltas, 6 + body.dice.below(6))
    pages = body.server_tool(use)
    left = deltas - use
    while left:
        left -= body.text(min(left, 3 + body.dice.below(14)))
        if pages:
            left -= body.cited(min(left, 4 + body.dice.below(8)), lambda: _of_search(body, pages))
    return deltas


_SHORT = (
    "text tool text server cited text tool thinking text server "
    "text tool text server thinking text tool cited thinking+tool server"
)
"""The kinds of short bodies, in the order of the seeds. After the last comes the first again."""
_BLOCKS = {"text": 1, "tool": 2, "thinking": 2, "thinking+tool": 3, "cited": 4, "server": 5}
"""The number of blocks of each kind."""


def _short(body: _Body, _: int, seed: int) -> None:
    kinds = _SHORT.split()
    kind = kinds[seed % len(kinds)]
    # The start, a ping, the last two events, and a start and a stop for each block.
    left = SHORT_EVENTS - 4 - 2 * _BLOCKS[kind]
    some = 6 + body.dice.below(6)
    if kind.startswith("thinking"):
        left -= body.thinking(some)
    if kind.endswith("tool"):
        body.text(left - some)
        body.tool(some)
    elif kind == "cited":
        titles = [_title(body.dice)]
        for cited in (some, 5):
            left -= cited
            left -= body.text(left if cited == 5 else left // 2)
            body.cited(cited, lambda: _of_document(body, titles))
    elif kind == "server":
        pages = body.server_tool(some, "web_search")
        left -= some
        body.text(left - 11)
        body.cited(8, lambda: _of_search(body, pages))
        body.text(3)
    else:
        body.text(left)


_WRITERS: dict[str, Callable[[_Body, int, int], None]] = {
    "chat": _chat,
    "citations": _citations,
    "many_tools": _many_tools,
    "server_tools": _server_tools,
    "short": _short,
    "thinking": _thinking,
    "tool_call": _tool_call,
}


# -- the events -------------------------------------------------------------------------------

_MODELS = (
    "claude-sonnet-4-20250514",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5-20251101",
)
_PING_EVERY = 500
"""Deltas from one ping to the next. The API sends pings by the clock."""


class _Body:
    """Writes the body of a stream, block by block. Each method gives the number of deltas."""

    def __init__(self, dice: _Dice) -> None:
        self.dice = dice
        self._frames: list[str] = []
        self._index = -1
        self._deltas = 0
        self._output_tokens = 0
        self._stop_reason = "end_turn"
        self._was_text = False
        self._server_calls: dict[str, int] = {}
        self._message_start()

    def _event(self, event: dict[str, Any]) -> None:
        payload = _json(event)[:-1] + " " * self.dice.below(16) + "}"
        self._frames.append(f"event: {event['type']}\ndata: {payload}\n\n")

    def _ping(self) -> None:
        self._frames.append('event: ping\ndata: {"type": "ping"}\n\n')

    def _message_start(self) -> None:
        dice = self.dice
        model = dice.pick(_MODELS)
        for_minutes, for_an_hour = dice.pick(((0, 0), (0, 0), (2399, 0), (1420, 5208)))
        self._usage = {
            "input_tokens": 3 + dice.below(3000),
            "cache_creation_input_tokens": for_minutes + for_an_hour,
            "cache_read_input_tokens": dice.pick((0, 0, 16_242)),
        }
        usage: dict[str, Any] = {
            **self._usage,
            "cache_creation": {
                "ephemeral_5m_input_tokens": for_minutes,
                "ephemeral_1h_input_tokens": for_an_hour,
            },
            "output_tokens": 1 + dice.below(8),
            "service_tier": "standard",
        }
        if model != _MODELS[0]:  # the older model says nothing about it
            usage["inference_geo"] = "not_available"
        message: dict[str, Any] = {
            "model": model,
            "id": dice.name("msg_01"),
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        self._event({"type": "message_start", "message": message})

    def end(self) -> bytes:
        """Write the last events, and give the whole body."""
        usage: dict[str, Any] = {
            # What server tools find is input of the next turns of the model.
            name: count + 4000 * sum(self._server_calls.values())
            for name, count in self._usage.items()
        }
        usage["output_tokens"] = 8 + self._output_tokens
        if self._server_calls:
            usage["server_tool_use"] = {
                "web_search_requests": self._server_calls.get("web_search", 0),
                "web_fetch_requests": self._server_calls.get("web_fetch", 0),
            }
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None}
        self._event({"type": "message_delta", "delta": delta, "usage": usage})
        self._event({"type": "message_stop"})
        return "".join(self._frames).encode()

    def _block(self, block: dict[str, Any], deltas: Sequence[dict[str, Any]]) -> int:
        """Write a block: its start, its deltas and its stop."""
        self._index += 1
        at = {"index": self._index}
        # The first ping comes right after the start of the first block, or after its first delta.
        ping_after = self.dice.below(2) if self._index == 0 else -1
        self._event({"type": "content_block_start", **at, "content_block": block})
        if ping_after == 0:
            self._ping()
        for number, delta in enumerate(deltas, 1):
            self._event({"type": "content_block_delta", **at, "delta": delta})
            self._deltas += 1
            if number == ping_after or self._deltas % _PING_EVERY == 0:
                self._ping()
        self._event({"type": "content_block_stop", **at})
        self._was_text = block["type"] == "text"
        return len(deltas)

    def text(self, deltas: int) -> int:
        """Text without citations."""
        return self._block({"type": "text", "text": ""}, self._texts(deltas)) if deltas else 0

    def cited(self, deltas: int, citation: Callable[[], dict[str, Any]]) -> int:
        """Text with one to three citations, which come before the text."""
        if deltas < 2:
            return self.text(deltas)
        count = min(deltas - 1, 1 + self.dice.below(3))
        citations = [{"type": "citations_delta", "citation": citation()} for _ in range(count)]
        start = {"citations": [], "type": "text", "text": ""}
        return self._block(start, [*citations, *self._texts(deltas - count)])

    def _texts(self, deltas: int) -> list[dict[str, Any]]:
        return [{"type": "text_delta", "text": piece} for piece in self._pieces(deltas)]

    def thinking(self, deltas: int) -> int:
        """Thinking, with its signature as the last delta."""
        thoughts = [
            {"type": "thinking_delta", "thinking": piece} for piece in self._pieces(deltas - 1)
        ]
        signature = {
            "type": "signature_delta",
            "signature": self.dice.opaque(300 + 8 * min(deltas, 400)),
        }
        start = {"type": "thinking", "thinking": "", "signature": ""}
        return self._block(start, [*thoughts, signature])

    def _pieces(self, count: int) -> Iterator[str]:
        """Text in pieces of one to five tokens. It ends with the end of a sentence."""
        # Text goes on after a block of text, as when a cited sentence ends.
        tokens = _tokens(self.dice, lead=" " if self._was_text else "")
        for number in range(count):
            # The first piece is short, since it is sent as soon as it is there.
            size = self.dice.pick((1, 1, 1, 1, 1, 2, 2, 2, 3, 5)) if number else 1
            self._output_tokens += size
            piece = "".join(islice(tokens, size))
            yield piece if number < count - 1 else piece.rstrip(" \n.,") + "."

    def tool(self, deltas: int) -> int:
        """A call of a tool of the client's."""
        self._stop_reason = "tool_use"
        name, fields, last = self.dice.pick(_TOOLS)
        size = 6 * deltas - len(_json_input({**fields, last: ""}))
        arguments = {**fields, last: _prose(self.dice, max(size, 12))}
        block = {"type": "tool_use", "id": self.dice.name("toolu_01"), "name": name, "input": {}}
        return self._block(block, self._inputs(arguments, deltas))

    def _inputs(self, arguments: dict[str, Any], deltas: int) -> list[dict[str, Any]]:
        """The JSON text of a tool's input in pieces. The first piece is empty."""
        text = _json_input(arguments)
        pieces = ["", *_cut(self.dice, text, deltas - 1)] if deltas > 1 else [text]
        self._output_tokens += len(text) // 3
        return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]

    def server_tool(self, deltas: int, name: str = "") -> list[dict[str, Any]]:
        """A call of a server tool and its result.

        Returns:
            The pages of a web search, for citations; of other tools, none.
        """
        dice = self.dice
        name = name or dice.pick(("web_search", "web_search", "web_fetch", "bash_code_execution"))
        self._server_calls[name] = self._server_calls.get(name, 0) + 1
        pages = [_page(dice) for _ in range(5 + dice.below(5))] if name == "web_search" else []
        arguments, content = _server_call(dice, name, pages)
        call = dice.name("srvtoolu_01")
        use = {"type": "server_tool_use", "id": call, "name": name, "input": {}}
        self._block(use, self._inputs(arguments, deltas))
        result = {"type": f"{name}_tool_result", "tool_use_id": call, "content": content}
        self._block(result, ())
        return pages


_TOOLS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("write_file", {"path": "src/lamp/keeper.py", "overwrite": True}, "content"),
    ("get_weather", {"city": "Lerwick", "days": 3, "units": "metric"}, "note"),
    ("run_query", {"database": "harbour", "limit": 50}, "query"),
    ("send_message", {"to": ["ina@example.org", "rolf@example.org"], "urgent": False}, "text"),
)
"""Tools: a name, some of its input, and the key of a string of any length."""


def _server_call(dice: _Dice, name: str, pages: list[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    """The input of a server tool, and the content of its result, of about RESULT_SIZE bytes."""
    if name == "web_search":
        size = RESULT_SIZE // len(pages) - 150
        found = [
            {
                "type": "web_search_result",
                "title": page["title"],
                "url": page["url"],
                "encrypted_content": dice.opaque(size // 2 + dice.below(size)),
                "page_age": dice.pick((None, "March 4, 2025", "1 week ago")),
            }
            for page in pages
        ]
        return {"query": _prose(dice, 36)}, found
    if name == "web_fetch":
        source = {"type": "text", "media_type": "text/plain", "data": _prose(dice, RESULT_SIZE)}
        page = _page(dice)
        document = {"type": "document", "source": source, "title": page["title"]}
        return {"url": page["url"]}, {
            "type": "web_fetch_result",
            "url": page["url"],
            "content": document,
            "retrieved_at": "2026-01-14T09:21:07.113000+00:00",
        }
    return {"command": f"grep -rn {_prose(dice, 9)!r} /srv/logs"}, {
        "type": "bash_code_execution_result",
        "stdout": _prose(dice, RESULT_SIZE),
        "stderr": "",
        "return_code": 0,
        "content": [],
    }


def _page(dice: _Dice) -> dict[str, Any]:
    path = "-".join(dice.pick(_WORDS) for _ in range(3))
    return {"url": f"https://{dice.pick(_WORDS)}.example/{path}", "title": _title(dice)}


def _of_search(body: _Body, pages: list[dict[str, Any]]) -> dict[str, Any]:
    """A citation of a page that was found."""
    page = body.dice.pick(pages)
    return {
        "type": "web_search_result_location",
        "cited_text": _prose(body.dice, 70 + body.dice.below(60)),
        "url": page["url"],
        "title": page["title"],
        "encrypted_index": body.dice.opaque(200),
    }


def _of_document(body: _Body, titles: list[str]) -> dict[str, Any]:
    """A citation of a document in the request."""
    number, start = body.dice.below(len(titles)), body.dice.below(5000)
    text = _prose(body.dice, 50 + body.dice.below(100))
    return {
        "type": "char_location",
        "cited_text": text,
        "document_index": number,
        "document_title": titles[number],
        "start_char_index": start,
        "end_char_index": start + len(text),
        "file_id": None,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_input(value: Any) -> str:
    """The JSON of a tool's input: the model writes it with blanks."""
    return json.dumps(value, ensure_ascii=False)


# -- the text ---------------------------------------------------------------------------------

_COMMON = (
    "the of and a to in is that for it with as on be this by from are or which an can was not at "
    "each when more these than into one two then first also between after only most over such "
    "lamp light tower keeper harbour stone wind night boat record signal station coast winter "
    "model stream request answer number result value change question reason example table file "
    "because through different possible important following without several usually actually "
    "information development understanding"
)
_WORDS = tuple(_COMMON.split())
_RARE = (
    "café",
    "1871",
    "“lit”",
    "naïve",
    "—",
    "**note**",
    "`feed()`",
    '"quoted"',
    "$94,352",
    "3.5%",
    "灯台",
    "🐉",
    "“it’s”",  # noqa: RUF001 - models write such quotes
    "don't",
    "C:\\logs",
)
_CODE = (
    "\n\n```",
    "python\n",
    "def ",
    "lit",
    "(lamp",
    ":",
    " str",
    ",",
    " hour",
    ":",
    " int",
    ") ->",
    " bool",
    ":\n    ",
    "return ",
    "lamp",
    " in ",
    '{"north"',
    ', "south"',
    "}",
    " and hour ",
    ">= 18",
    "\n```",
    "\n\n",
)


def _tokens(dice: _Dice, lead: str = "") -> Iterator[str]:
    """Text without end, as a model makes it: most tokens are a word with the blank before it."""
    while True:
        for _ in range(2 + dice.below(4)):
            yield lead + dice.pick(_WORDS).capitalize()
            lead = " "
            for _ in range(5 + dice.below(12)):
                if dice.below(14) == 0:
                    yield ","
                yield lead + dice.pick(_WORDS if dice.below(25) else _RARE)
            yield dice.pick((".", ".", ".", ".", "?", ":"))
        if dice.below(6):
            yield dice.pick(("\n\n", "\n\n", "\n\n- ", "\n\n## "))
        else:
            yield from _CODE
        lead = ""


def _prose(dice: _Dice, size: int) -> str:
    """Text of `size` characters, without blanks around it."""
    tokens = _tokens(dice)
    parts: list[str] = []
    length = 0
    while length < size + 2:
        parts.append(next(tokens))
        length += len(parts[-1])
    text = "".join(parts)[:size].rstrip()
    return text + "." * (size - len(text))


def _title(dice: _Dice) -> str:
    return " ".join(dice.pick(_WORDS) for _ in range(5)).capitalize()


def _cut(dice: _Dice, text: str, count: int) -> Iterator[str]:
    """Cut a text into so many pieces. Their lengths vary from one to about twice the mean."""
    spare = max(len(text) - count, 0)
    start = 0
    for number in range(1, count + 1):
        end = number + (number * spare + (dice.below(spare + 1) if number < count else 0)) // count
        yield text[start:end]
        start = end


class _Dice:
    """SplitMix64, a generator of random numbers: it gives the same ones on every Python.

    See https://prng.di.unimi.it/splitmix64.c.
    """

    def __init__(self, seed: str) -> None:
        self._state = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _64_BITS
        mixed = ((self._state ^ self._state >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _64_BITS
        return mixed ^ mixed >> 31

    def below(self, end: int) -> int:
        """A number from 0 to `end - 1`."""
        return self._next() * end >> 64

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def name(self, prefix: str) -> str:
        """An id: the prefix and 22 letters and digits."""
        return prefix + "".join(self.pick(_ID) for _ in range(22))

    def opaque(self, size: int) -> str:
        """About `size` characters of base64, as signatures and encrypted results are."""
        data = b"".join(self._next().to_bytes(8, "big") for _ in range(size * 3 // 32 + 1))
        return "E" + base64.b64encode(data).decode()[: size // 4 * 4 - 1]


_ID = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_64_BITS = (1 << 64) - 1
