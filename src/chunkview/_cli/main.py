"""The command line: what is common to all commands.

Each command has a module or a folder of its own, with its arguments and what it does. Data goes to
standard output, messages go to standard error.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import __version__
from .arguments import Parser, described
from .bench import add_bench
from .check import add_check
from .completion import add_completion
from .console import complain, reason_of
from .demo import add_demo
from .record import add_record
from .serve import add_serve
from .show import add_show
from .stats import add_stats

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]

# What a shell reports for a program that the signal ended: 128 + its number.
_INTERRUPTED = 130
_BROKEN_PIPE = 141

# The error handlers of Python that raise for some of the characters that an encoding lacks.
_STOPPING = ("strict", "surrogateescape", "surrogatepass")

_DESCRIPTION = "Look at, replay, record, check, sum up and measure Anthropic's event streams."
_EPILOG = """\
examples:
  chunkview demo
  chunkview show answer.sse
  curl -N https://api.anthropic.com/v1/messages ... | chunkview show -
  chunkview check answer.sse
  chunkview serve answer.sse --port 8080
  chunkview record --to https://api.anthropic.com recordings
  chunkview stats recordings --by model,day
  chunkview bench my_package.parser:parse

`chunkview COMMAND --help` has the options of a command and more examples.

environment:
  NO_COLOR       no colors (any value but an empty one)
  FORCE_COLOR    colors also where the output is no terminal
  COLUMNS        the width of the lines, also where the output is no terminal

exit status:
  0    success; also chunkview without a command, which shows this help
  1    a file cannot be read, a check failed, or a server or the demo cannot run
  2    the arguments are invalid
  130  ended by Ctrl-C (0 where Ctrl-C is how it ends: serve, record, --follow)
  141  the reader of the output went away
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments, without the program's name; those of the process unless given.

    Returns:
        The exit status, as `--help` lists it.

    Raises:
        SystemExit: By argparse: after `--help` and `--version`, and with status 2 when the
            arguments are invalid.
    """
    # Both are None in a process that was started with closed outputs.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        # Escape characters that the output's encoding lacks. In the C locale, Python's own handler
        # (surrogateescape) raises for all of them but the bytes of file names.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _STOPPING:
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            arguments = build_parser().parse_args(argv)
            status: int = arguments.run(arguments)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_output()
        complain(reason_of(error))
        return 1
    return status


def _drop_output() -> None:
    """Discard the buffered output, or the interpreter would try to write it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line, with all its commands."""
    parser = described(Parser(prog="chunkview"), description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"chunkview {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    # Like pip, which shows its help and succeeds when it is called without a command.
    parser.set_defaults(run=lambda _: _help(parser))
    for add in (add_show, add_serve, add_record, add_check, add_stats, add_bench, add_demo):
        add(commands)
    add_completion(commands, parser)
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0
