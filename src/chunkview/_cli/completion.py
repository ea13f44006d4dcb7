"""`chunkview completion`: a script that lets a shell complete commands, options and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import described
from .console import complain

if TYPE_CHECKING:
    import argparse

__all__ = ["add_completion"]

_USAGE = 2
_DESCRIPTION = """\
Print a script for a shell. With it, the Tab key completes commands, options and
file names. It needs shtab: pip install 'chunkview[completion]'
"""
_EPILOG = """\
examples:
  eval "$(chunkview completion bash)"   (in ~/.bashrc)
  chunkview completion fish > ~/.config/fish/completions/chunkview.fish
  chunkview completion zsh > ~/.zfunc/_chunkview   (a folder in $fpath)

Start a new shell then.
"""


def add_completion(commands: Any, whole: argparse.ArgumentParser) -> None:
    """Add the command `completion`.

    Args:
        commands: What `add_subparsers` of the parser gave.
        whole: The parser, which the script is made from.
    """
    completion = described(
        commands.add_parser("completion", help="print a script that completes in a shell"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    completion.set_defaults(run=lambda arguments: _run(whole, arguments))
    completion.add_argument("shell", choices=("bash", "fish", "tcsh", "zsh"))


def _run(whole: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        complain("the script needs shtab: pip install 'chunkview[completion]'")
        return _USAGE
    print(shtab.complete(whole, shell=arguments.shell))
    return 0
