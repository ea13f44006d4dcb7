"""`chunkview serve`: recordings for a client."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._stream import iter_chunks
from ..errors import ChunkviewError
from ..recordings import RecordingError
from .arguments import FOREVER, add_files, add_port, described, numeral
from .console import columns_of, complain, log_answer, reason_of
from .streams import bodies_of, name_of_recording
from .wrapping import wrapped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..recordings import Recording
    from ..testing import RecordedAnswer, Reply

__all__ = ["add_serve"]

_DESCRIPTION = """\
Play recordings to any client of the Messages API, on 127.0.0.1 only. Each
request gets the next stream. After the last one comes the first again. Ctrl-C
ends the server.

The body of an answer is sent unchanged, as one stream. In all other formats
that chunkview show reads, each stream is sent as a body. A file that no client
will understand is sent as well, but serve warns of it. A FILE may be a folder:
what cannot be read in it is left out, with a warning.

Each request is logged on standard error: the time, the method, the path
without its query, the model, the status, and the bytes of the answer's body.
"-" is for what a request does not say. Headers and the bodies of requests are
not logged.

With --as-recorded, each file needs the sidecar that chunkview record wrote.
Its answer has the same status, cuts and times, and breaks off where it did. Of
a folder, the answers to POST /v1/messages are played. A message that was not
streamed is left out, with a warning.
"""
_EPILOG = """\
examples:
  chunkview serve answer.sse
  chunkview serve first.sse second.sse --port 8080 --delay 0.05
  chunkview serve answer.sse --segment-size 7   (cuts characters apart)
  chunkview serve --as-recorded recordings

exit status:
  0    ended by Ctrl-C
  1    a file cannot be read, there is nothing to serve, or the port is taken
  2    the arguments are invalid
"""
_SERVING = "Listening on {url} until Ctrl-C. Point a client at it:"
# They are not wrapped, so that they can be copied.
_CLIENTS = """
  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=none python your_program.py
  curl -N {url}/v1/messages -d '{{"stream": true}}'
"""


def add_serve(commands: Any) -> None:
    """Add the command `serve`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    serve = described(
        commands.add_parser("serve", help="play recordings to a client"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    serve.set_defaults(run=lambda arguments: _run(serve, arguments))
    add_files(serve)
    add_port(serve)
    serve.add_argument(
        "--segment-size",
        type=numeral(int, lambda size: size >= 1, "one byte or more"),
        metavar="N",
        help="bytes to send at a time (default: a whole event)",
    )
    serve.add_argument(
        "--delay",
        type=numeral(float, lambda delay: 0 <= delay < FOREVER, "seconds, 0 or more"),
        default=0.0,
        metavar="SECONDS",
        help="wait between two segments (default: 0)",
    )
    serve.add_argument(
        "--as-recorded", action="store_true", help="play the cuts and times of chunkview record"
    )


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    from ..testing import ReplayServer

    if arguments.as_recorded and (arguments.delay or arguments.segment_size):
        parser.error("--as-recorded has its own cuts and times")
    answers: list[Reply] = []
    file = ""
    try:
        for file in arguments.files:
            answers += _recorded(file) if arguments.as_recorded else _bodies(file)
    except (OSError, ImportError, ValueError) as error:
        complain(_reason_of(error), file=file)
        return 1
    if not answers:
        complain("there is nothing to serve")
        return 1
    server = ReplayServer(
        answers,
        segment_size=arguments.segment_size,
        delay=arguments.delay,
        port=arguments.port,
        on_answer=log_answer,
    )
    try:
        server.start()
    except OSError as error:
        complain(f"cannot listen on port {arguments.port}: {reason_of(error)}")
        return 1
    with suppress(KeyboardInterrupt), server:
        print(wrapped(_SERVING.format(url=server.url), columns_of(sys.stdout)), end="")
        print(_CLIENTS.format(url=server.url), flush=True)
        while True:
            time.sleep(FOREVER)
    return 0


def _bodies(file: str) -> Iterator[bytes]:
    def skips(recording: Recording, error: Exception) -> bool:
        _warn_of_left_out(name_of_recording(recording), error)
        return True

    for name, body in bodies_of(file, skips=skips):
        _warn_of_no_stream(body, name)
        yield body


def _warn_of_no_stream(body: bytes, name: str) -> None:
    """Warn of a body that no client understands. It may be meant: it is sent unchanged."""
    problem = "it has no event"
    try:
        if next(iter_chunks(body), None) is not None:
            return
    except ChunkviewError as error:
        problem = str(error)
    complain(f"warning: no client will understand this: {problem}", file=name)


def _recorded(argument: str) -> Iterator[RecordedAnswer]:
    from .record.playing import is_whole_message, recorded_answer, recordings_in

    for file in recordings_in(argument):
        try:
            answer = recorded_answer(file)
        except (OSError, ValueError) as error:  # noqa: PERF203 - the other files are played
            if file == argument:
                raise
            _warn_of_left_out(file, error)
        else:
            is_named, is_whole = file == argument, is_whole_message(answer)
            if is_whole:
                kind = "not for a client that streams" if is_named else "left out"
                complain(f"warning: {kind}: it is a message that was not streamed", file=file)
            if is_named or not is_whole:
                yield answer


def _warn_of_left_out(name: str, error: Exception) -> None:
    complain(f"warning: left out: {_reason_of(error)}", file=name)


def _reason_of(error: Exception) -> str:
    if isinstance(error, RecordingError):
        return f"byte {error.offset}: {error.problem}"
    return reason_of(error) if isinstance(error, OSError) else str(error)
