"""The parser of the arguments, and the arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .console import LONGEST_PROBLEM, columns_of
from .display import printable_name, shortened
from .help_texts import HelpFormatter
from .wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn
    from urllib.parse import SplitResult

__all__ = [
    "FOREVER",
    "Parser",
    "add_files",
    "add_no_color",
    "add_port",
    "completed_as_path",
    "described",
    "numeral",
    "parts_of_url",
]

FOREVER = 1_000_000.0
"""Seconds. `threading` overflows on longer timeouts."""

_USAGE = 2
_LAST_PORT = 0xFFFF


class Parser(argparse.ArgumentParser):
    """A parser with error messages that wrap, without control characters."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the problem, and exit with status 2."""
        self.print_usage(sys.stderr)
        problem = shortened(printable_name(message), LONGEST_PROBLEM)
        line = f"{self.prog}: error: {problem}"
        self.exit(_USAGE, wrapped(line, columns_of(sys.stderr), indent="  "))


def described(
    parser: argparse.ArgumentParser, *, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Give a parser its help texts, with their line ends unchanged."""
    parser.description = description
    parser.epilog = epilog
    parser.formatter_class = HelpFormatter
    return parser


def add_files(parser: argparse.ArgumentParser, *, metavar: str = "FILE") -> None:
    """Add the arguments FILE, as `files`.

    Args:
        parser: The parser of a command.
        metavar: What the help calls them.
    """
    completed_as_path(
        parser.add_argument(
            "files",
            nargs="+",
            metavar=metavar,
            help="recorded streams, in any format; a folder, a pattern or a URL; - is standard "
            "input",
        )
    )


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add the option `--port` of a server."""
    parser.add_argument(
        "--port",
        type=numeral(int, lambda port: 0 <= port <= _LAST_PORT, "a port"),
        default=0,
        metavar="N",
        help="the port (default: any free one)",
    )


def completed_as_path(argument: argparse.Action) -> None:
    """Let a shell complete an argument with the names of files.

    Args:
        argument: What `add_argument` gave. It gets what `shtab.FILE` is.
    """
    names = {
        "bash": "_shtab_compgen_files",
        "fish": "(__fish_complete_path (commandline -ct))",
        "tcsh": "f",
        "zsh": "_files",
    }
    argument.complete = names  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def add_no_color(parser: argparse.ArgumentParser) -> None:
    """Add the option `--no-color`."""
    parser.add_argument(
        "--no-color",
        action="store_true",
        help="no colors, even with FORCE_COLOR",
    )


def numeral(
    kind: Callable[[str], Any], is_allowed: Callable[[Any], bool], expected: str
) -> Callable[[str], Any]:
    """Make a parser for an argument that is a number.

    Args:
        kind: `int` or `float`.
        is_allowed: Whether a number is in range.
        expected: What to say was expected.
    """

    def read(text: str) -> Any:
        with suppress(ValueError):
            if is_allowed(number := kind(text)):
                return number
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return read


def parts_of_url(text: str) -> SplitResult | None:
    """Take apart the URL of a server.

    Args:
        text: An argument.

    Returns:
        The parts; None if it is no URL of http or https, or not in printable ASCII.
    """
    with suppress(ValueError):
        parts = urlsplit(text)
        is_printable = text.isascii() and text.isprintable() and " " not in text
        # Reading the port is what checks it.
        if parts.scheme in ("http", "https") and parts.hostname and is_printable:
            _ = parts.port
            return parts
    return None
