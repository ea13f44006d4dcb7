"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..arguments import add_no_color, described
from ..console import columns_of, complain, has_color
from ..show import transcript_for

if TYPE_CHECKING:
    import argparse

__all__ = ["add_demo"]

_DESCRIPTION = """\
Stream three recordings through the official client: a text, a tool call after
some thinking, and an answer that an error ends. It runs offline, without an API
key. It needs the client: pip install 'chunkview[sdk]'
"""
_EPILOG = """\
examples:
  chunkview demo
  chunkview demo --no-delay
"""

# Seconds between two events: the three streams take about three seconds in all.
_DELAY = 0.03


def add_demo(commands: Any) -> None:
    """Add the command `demo`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    demo = described(
        commands.add_parser("demo", help="stream recordings through the official client"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    demo.set_defaults(run=_run)
    demo.add_argument("--no-delay", action="store_true", help="do not wait between events")
    add_no_color(demo)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from . import program
    except ImportError as error:
        complain(f"the demo cannot run: {error}")
        return 1
    program.run(
        lambda text: print(text, end="", flush=True),
        transcript=lambda: transcript_for(arguments),
        columns=columns_of(sys.stdout),
        color=has_color(sys.stdout, is_refused=arguments.no_color),
        delay=0.0 if arguments.no_delay else _DELAY,
    )
    return 0
