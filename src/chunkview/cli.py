"""The command line: `chunkview show`, `chunkview serve` and `chunkview demo`.

Here stand the arguments, and all reading and writing. What is shown is made in `_display`, where
a file is broken is found out in `_reading`. Data goes to standard output, whatever else there is
to say to standard error.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from ._display import TOTALS_HEAD, Transcript, as_json, as_table, printable, summary, totals
from ._reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .message import Message

__all__ = ["main"]

_READ_SIZE = 64 * 1024

# What a shell reports for a program that the signal ended: 128 + its number.
_INTERRUPTED = 130
_BROKEN_PIPE = 141

_DESCRIPTION = "Look at, replay and try out Anthropic's event streams."
_EPILOG = """\
examples:
  chunkview show answer.sse
  curl -N https://api.anthropic.com/v1/messages … | chunkview show -
  chunkview serve answer.sse --port 8080
  chunkview demo

exit status:
  0    all is well
  1    something could not be read, or the server or the demo could not run
  2    the arguments make no sense
  130  ended by Ctrl-C (serve, which nothing else ends, exits with 0)
  141  the reader of the output went away
"""
_SHOW_DESCRIPTION = """\
Show recorded or live streams: the text as it arrives, the thinking marked with "| ", and then a
summary with the finish reason, the tokens, the cost (it takes the extra "prices") and the tool
calls. Several files get their totals at the end.

Of a file that is broken, out of order, cut short or ended by an error event, what came before is
shown; standard error names the file and the byte at which the event in question begins: so many
bytes come before its first line. The other files are shown all the same.
"""
_SHOW_EPILOG = """\
examples:
  chunkview show answer.sse
  chunkview show --chunks answer.sse | grep ToolUse
  chunkview show --json *.sse | jq -r 'select(.thinking != "") | .thinking'
  curl -N https://api.anthropic.com/v1/messages … | chunkview show -

keys of the objects that --json prints, always all of them:
  file, offset           what the event was read from, and how many bytes come before it there
  type, delta_type       the event's type and its delta's, or null
  index                  the content block's number, or null
  content, thinking      the text that the event adds, or ""
  finish_reasons         the stop reason in a list, or null
  common_finish_reasons  the same as "stop", "length", "tool_calls" or "content_filter", or null
  model, id              of the message, where it starts, else null
  usage                  the event's usage as it came, or null
  input_tokens, cached_tokens, output_tokens
                         from that usage, or null; the last ones count, they never add up
  event                  the whole event as it came
"""
_SERVE_DESCRIPTION = """\
Play recordings to any client of the Messages API, on 127.0.0.1 only. Each request gets the next
file, and the first again after the last. Ctrl-C ends the server; the exit status is then 0.
"""
_SERVE_EPILOG = """\
examples:
  chunkview serve answer.sse
  chunkview serve first.sse second.sse --port 8080 --delay 0.05
  chunkview serve answer.sse --segment-size 7   (cuts events and characters apart)
"""
_DEMO_DESCRIPTION = """\
Stream three bundled recordings through the official client: a text, a tool call after some
thinking, and an answer that an error breaks off. It runs offline and needs no API key, but the
client: pip install 'chunkview[sdk]'
"""
_DEMO_EPILOG = """\
examples:
  chunkview demo
  chunkview demo --no-delay
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments, without the program's name; those of the process unless given.

    Returns:
        The exit status, as `--help` lists it.

    Raises:
        SystemExit: By argparse: after `--help` and `--version`, and with status 2 when the
            arguments make no sense.
    """
    for stream in (sys.stdout, sys.stderr):
        # A character that the output's encoding lacks is no reason to stop.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            arguments = _parser().parse_args(argv)
            status: int = arguments.run(arguments)
        finally:
            _flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_output()
        _complain(f"cannot write: {error.strerror or error}")
        return 1
    return status


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Let go of what can no longer be written, or the interpreter would try again at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _complain(problem: str) -> None:
    with suppress(OSError):
        print(f"chunkview: {problem}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = _described(
        argparse.ArgumentParser(prog="chunkview"), description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"chunkview {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    show = _described(
        commands.add_parser("show", help="show recorded or live streams"),
        description=_SHOW_DESCRIPTION,
        epilog=_SHOW_EPILOG,
    )
    show.set_defaults(run=_show)
    show.add_argument("files", nargs="+", metavar="FILE", help="an SSE body; - is standard input")
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--chunks", action="store_true", help="print each chunk view on a line")
    shape.add_argument("--json", action="store_true", help="print each chunk as a JSON object")
    show.add_argument(
        "--no-color", action="store_true", help="no colors; so does NO_COLOR in the environment"
    )

    serve = _described(
        commands.add_parser("serve", help="play recordings to a client"),
        description=_SERVE_DESCRIPTION,
        epilog=_SERVE_EPILOG,
    )
    serve.set_defaults(run=_serve)
    serve.add_argument("files", nargs="+", metavar="FILE", help="an SSE body; - is standard input")
    serve.add_argument(
        "--port", type=_port, default=0, metavar="N", help="the port; any free one by default"
    )
    serve.add_argument(
        "--segment-size",
        type=_size,
        metavar="N",
        help="bytes to send at a time; a whole event by default",
    )
    serve.add_argument(
        "--delay",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait between two segments; not at all by default",
    )

    demo = _described(
        commands.add_parser("demo", help="stream recordings through the official client"),
        description=_DEMO_DESCRIPTION,
        epilog=_DEMO_EPILOG,
    )
    demo.set_defaults(run=_demo)
    demo.add_argument("--no-delay", action="store_true", help="as fast as it goes")
    demo.add_argument(
        "--no-color", action="store_true", help="no colors; so does NO_COLOR in the environment"
    )
    return parser


def _described(
    parser: argparse.ArgumentParser, *, description: str, epilog: str
) -> argparse.ArgumentParser:
    parser.description = description
    parser.epilog = epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 0xFFFF:
        raise argparse.ArgumentTypeError(f"{port} is no port")
    return port


def _size(text: str) -> int:
    size = int(text)
    if size < 1:
        raise argparse.ArgumentTypeError("at least one byte at a time")
    return size


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError("0 seconds or more")
    return seconds
