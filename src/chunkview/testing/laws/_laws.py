"""The laws about parsers and consumers. `_search` and `_machine` look for what breaks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

if TYPE_CHECKING:
    import hypothesis
    from hypothesis.stateful import RuleBasedStateMachine
    from hypothesis.strategies import SearchStrategy

    from ..._chunks import ChunkView
    from ...recordings import Recording

    Stream: TypeAlias = bytes | Recording | Sequence[Any]

__all__ = [
    "Consumer",
    "Parser",
    "Streams",
    "assert_agrees",
    "assert_cuts_do_not_matter",
    "assert_line_endings_do_not_matter",
    "assert_total",
    "consumer_machine",
]

# pytest leaves out the frames of this file, and of the others in this folder. So a failure shows
# the caller's line, and then the stream.
__tracebackhide__ = True

Parser: TypeAlias = Callable[[Any], Any]
"""A function that is called with an iterator over the pieces of a body, and returns anything that
can be compared. What an iterator gives is collected in a list. An `async def`, with or without
`yield`, is called with an asynchronous iterator."""

Streams: TypeAlias = Union["SearchStrategy[Stream]", Iterable["Stream"], bytes, "Recording"]
"""The streams to try a law on: a Hypothesis strategy, an iterable such as
`chunkview.recordings.read(...)`, or a single body or Recording. A stream is a body as bytes, a
Recording, or a list of events, which are written as the API writes them."""


def assert_cuts_do_not_matter(
    parse: Parser,
    *,
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> None:
    """Assert that it makes no difference how the bytes of a body are cut into pieces.

    A connection cuts a body anywhere: inside a character, between CR and LF, between the two line
    ends of a blank line. For a body that the parser refuses, the law only demands the same
    exception for all cuts.

    Args:
        parse: Your parser.
        streams: What it is tried on; by default bodies as the API writes them, and bodies in all
            formats that mean the same, `strategies.sse_bodies(quirks=False)`.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Raises:
        AssertionError: A cut changes what `parse` gives, or it refuses every stream, or gives
            nothing for any: None, or an empty value where the streams are the default ones.
    """
    from .. import strategies as cv
    from ._cases import bodies_of
    from ._search import search_cuts

    # A parser that reads only the API's own format has to be tried on that, too.
    default = cv.sse_bodies(plain=True) | cv.sse_bodies(quirks=False)
    bodies = bodies_of(streams, default)
    search_cuts(parse, bodies, settings, may_be_empty=streams is not None)


def assert_line_endings_do_not_matter(
    parse: Parser,
    *,
    endings: Sequence[bytes] = (b"\r\n", b"\r"),
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> None:
    r"""Assert that a body means the same with each kind of line end, and with several kinds.

    The specification has three: https://html.spec.whatwg.org/multipage/server-sent-events.html.
    Anthropic writes LF. Many gateways and servers write CRLF. Hardly any write CR; leave it out
    with `endings=[b"\r\n"]`. For a body that the parser refuses, the law only demands the same
    exception with all line ends.

    Args:
        parse: Your parser. It gets each body in one piece.
        endings: What to write in place of LF.
        streams: What it is tried on; by default bodies as the API writes them,
            `strategies.sse_bodies(plain=True)`.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Raises:
        AssertionError: A line end changes what `parse` gives, or it refuses every stream, or gives
            nothing for any.
        TypeError: `endings` is no list.
        ValueError: `endings` has no line end but LF, or something else.
    """
    from .. import strategies as cv
    from ._cases import bodies_of
    from ._search import search_line_endings

    if isinstance(endings, (bytes, str)):
        raise TypeError(f"endings: expected a list of bytes, got {type(endings).__name__}")
    if not {b"\r\n", b"\r"} & {*endings} or {*endings} - {b"\r\n", b"\r", b"\n"}:
        problem = r"endings: expected b'\r\n', b'\r' or both in a list"
        raise ValueError(f"{problem}, got {list(endings)!r}")
    bodies = bodies_of(streams, cv.sse_bodies(plain=True))
    search_line_endings(parse, endings, bodies, settings, may_be_empty=streams is not None)


def assert_total(
    parse: Parser,
    *,
    raises: type[Exception] | tuple[type[Exception], ...] = (),
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> None:
    """Assert that a parser answers, or raises an exception that you name, for any bytes.

    Servers send HTML, half a body, JSON of another shape, and objects in objects without end.

    Args:
        parse: Your parser. It gets each body cut anywhere.
        raises: The exceptions that its callers know.
        streams: What it is tried on; by default `strategies.corrupted_bodies()`, and a few small
            bodies that break many parsers.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Raises:
        AssertionError: `parse` raised something else, which is its cause.
        TypeError: `raises` is neither an exception class nor a tuple of them.
    """
    from .. import strategies as cv
    from ._cases import bodies_of, with_small_ones
    from ._search import search_exceptions

    for kind in raises if isinstance(raises, tuple) else (raises,):
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            problem = "raises: expected an exception class, or a tuple of them"
            raise TypeError(f"{problem}, got {kind!r}")
    damaged = with_small_ones(cv.corrupted_bodies())
    search_exceptions(parse, raises, bodies_of(streams, damaged), settings)


def assert_agrees(
    parse: Parser,
    project: Callable[[list[ChunkView]], Any],
    *,
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> None:
    """Assert that a parser finds in a body what chunkview finds there.

    `project` says what the parser should give, from the chunk views of the whole stream:

    - for the events as dicts, `lambda chunks: [chunk.to_event() for chunk in chunks]`;
    - for the text, `lambda chunks: "".join(chunk.content for chunk in chunks)`;
    - for the message, `chunkview.accumulate`.

    A stream that chunkview refuses is left out.

    Args:
        parse: Your parser. It gets each body in one piece.
        project: Maps the list of a stream's chunk views to what `parse` should give. What an
            iterator gives is collected in a list.
        streams: What it is tried on; by default bodies in all formats that mean the same,
            `strategies.sse_bodies(quirks=False)`. For bodies as the API writes them, say
            `strategies.message_streams()`.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Raises:
        AssertionError: `parse` gives something else, or raises an exception; or `project` raises
            one, or gives nothing for any stream; or chunkview refuses every stream.
    """
    from .. import strategies as cv
    from ._cases import bodies_of
    from ._search import search_agreement

    if not callable(project):
        raise TypeError(f"project: expected a function, got {type(project).__name__}")
    bodies = bodies_of(streams, cv.sse_bodies(quirks=False))
    search_agreement(parse, project, bodies, settings, may_be_empty=streams is not None)


class Consumer(Protocol):
    """What `consumer_machine` tests: an object that reads one stream."""

    def feed(self, data: bytes, /) -> Iterable[Any] | None:
        """Take the next bytes, and give what they complete; None is the same as nothing."""

    def close(self) -> Iterable[Any] | None:
        """End the stream, and give what is left."""


def consumer_machine(
    factory: Callable[[], Consumer],
    *,
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> type[RuleBasedStateMachine]:
    """Make a state machine that feeds several consumers, in turns.

    ```python
    TestMyDecoder = laws.consumer_machine(MyDecoder).TestCase
    ```

    Each consumer reads a stream of its own, cut anywhere, with empty pieces. What it has given so
    far must be the beginning of what a consumer gives that gets the same stream in one piece, and
    all of it after `close`. An exception is a failure too: the streams are whole and valid. So is
    a consumer that gives nothing for any stream. A failure shows the calls that lead to it, as
    code to paste.

    Args:
        factory: Makes a consumer, for example its class.
        streams: What the consumers read; by default bodies in all formats that mean the same,
            `strategies.sse_bodies(quirks=False)`.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Returns:
        The class of the machine. pytest and unittest run its `TestCase`.

    Raises:
        TypeError: `factory` makes nothing, or is a class without `feed` or `close`.
    """
    from .. import strategies as cv
    from ._cases import bodies_of, cut_bodies
    from ._machine import ConsumerMachine, shorten_failures
    from ._search import settings_of
    from ._turns import Taker

    if not callable(factory):
        problem = "factory: expected a class, or a function that makes a consumer"
        raise TypeError(f"{problem}, got {type(factory).__name__}")
    for name in ("feed", "close"):
        if isinstance(factory, type) and not hasattr(factory, name):
            raise TypeError(f"factory: {factory.__name__} has no {name}()")

    class Machine(ConsumerMachine):
        cases = cut_bodies(bodies_of(streams, cv.sse_bodies(quirks=False)))
        may_be_empty = streams is not None
        taker = Taker(factory, factory.__name__ if isinstance(factory, type) else "factory")

    Machine.__name__ = Machine.__qualname__ = "Consumers"
    Machine.TestCase.settings = settings_of(settings)
    shorten_failures(Machine)
    return Machine
