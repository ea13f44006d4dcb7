"""`chunkview serve`: recordings for a client."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ChunkviewError
from ..recordings import RecordingError
from .arguments import FOREVER, add_files, described, numeral
from .console import complain, reason_of
from .streams import bodies_of

if TYPE_CHECKING:
    import argparse

    from ..testing import RecordedAnswer, Reply

__all__ = ["add_serve"]

_DESCRIPTION = """\
Play recordings to any client of the Messages API, on 127.0.0.1 only. Each request gets the next
stream; after the last one comes the first again. Ctrl-C ends the server with exit status 0.

A FILE that is a body is sent unchanged, as one stream. Of all other formats, which show names, each
stream is sent as a body.

With --as-recorded, each file needs the sidecar that chunkview record wrote. Its answer comes with
the same status, cuts and times, and breaks off where it did. A FILE may be a folder then: it means
the answers to POST /v1/messages in it.
"""
_EPILOG = """\
examples:
  chunkview serve answer.sse
  chunkview serve first.sse second.sse --port 8080 --delay 0.05
  chunkview serve answer.sse --segment-size 7   (cuts events and characters apart)
  chunkview serve --as-recorded recordings
"""
_SERVING = """\
Listening on {url} until Ctrl-C. Point a client at it:

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
    serve.add_argument(
        "--port",
        type=numeral(int, lambda port: 0 <= port <= 0xFFFF, "a port"),
        default=0,
        metavar="N",
        help="the port (default: any free one)",
    )
    serve.add_argument(
        "--segment-size",
        type=numeral(int, lambda size: size >= 1, "one byte or more"),
        metavar="N",
        help="bytes to send at a time (default: a whole event)",
    )
    serve.add_argument(
        "--delay",
        type=numeral(float, lambda delay: 0 <= delay < FOREVER, "seconds"),
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
    file = ""
    bodies: list[Reply] = []
    try:
        for file in arguments.files:
            if arguments.as_recorded:
                bodies += _recorded(file)
            else:
                bodies += bodies_of(file)
    except OSError as error:
        complain(reason_of(error), file=file)
        return 1
    except RecordingError as error:
        complain(f"byte {error.offset}: {error.problem}", file=file)
        return 1
    except (ImportError, ChunkviewError, ValueError) as error:
        complain(str(error), file=file)
        return 1
    server = ReplayServer(
        bodies,
        segment_size=arguments.segment_size,
        delay=arguments.delay,
        port=arguments.port,
    )
    try:
        server.start()
    except OSError as error:
        complain(f"cannot listen on port {arguments.port}: {reason_of(error)}")
        return 1
    with suppress(KeyboardInterrupt), server:
        print(_SERVING.format(url=server.url), flush=True)
        while True:
            time.sleep(FOREVER)
    return 0


def _recorded(argument: str) -> list[RecordedAnswer]:
    from .record.playing import recorded_answer, recordings_in

    return [recorded_answer(file) for file in recordings_in(argument)]
