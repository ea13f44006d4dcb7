"""The parser of the arguments, and the arguments that several commands share."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .console import LONGEST_PROBLEM
from .display import printable_name, shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

__all__ = [
    "FOREVER",
    "HELP_COLUMNS",
    "Parser",
    "add_files",
    "add_no_color",
    "completed_as_path",
    "described",
    "numeral",
]

FOREVER = 1_000_000.0
"""Seconds. `threading` overflows on longer timeouts."""

HELP_COLUMNS = 80
"""How wide the help texts are."""


class Parser(argparse.ArgumentParser):
    """A parser that escapes control characters in its error messages."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the problem, and exit with status 2."""
        super().error(shortened(printable_name(message), LONGEST_PROBLEM))


def described(
    parser: argparse.ArgumentParser, *, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Give a parser its help texts, with their line ends unchanged."""
    parser.description = description
    parser.epilog = epilog
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the arguments FILE."""
    completed_as_path(
        parser.add_argument(
            "files",
            nargs="+",
            metavar="FILE",
            help="recorded streams, in any format; a folder, a pattern or a URL; - is standard "
            "input",
        )
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
