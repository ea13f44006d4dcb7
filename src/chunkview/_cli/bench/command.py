"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any

from ..arguments import add_no_color, completed_as_path, described, numeral
from ..console import complain
from .functions import Function, is_place_of_function
from .peers import PEERS, installed_peers
from .timing import Effort

__all__ = ["add_bench"]

_USAGE = 2

_QUICK = Effort(rounds=3, values=4, least=0.02)
_FAST = Effort(rounds=2, values=3, least=0.01)
_RIGOROUS = Effort(rounds=10, values=10, least=0.05)

_DESCRIPTION = """\
Measure your parser beside chunkview, the official SDK and msgspec Structs (if
they are installed) and the floor, and compare its answers with chunkview's.

FUNCTION takes the body of an answer as bytes, or with --segments its pieces,
and gives an iterable: of events, or of the text. It is imported from the
current folder, or from what is installed. Without a FILE, the workloads of
chunkview.testing are measured: 500 deltas each, and 20 short bodies.

The floor finds the data of each event and parses its JSON, with the library
that chunkview uses (msgspec if it is installed). It knows LF alone, no types
and no errors. No parser that reads the JSON can do less.

Each function is measured in processes of its own, in turns with the others.
A time is the CPU time for all bodies of a row (on Windows, the time of the
clock): the mean, and the standard deviation in percent of it. A ratio is the
time divided by chunkview's.

Answers are compared as events, in JSON: dicts with a type, chunk views,
objects of the SDK or of pydantic, Structs, objects of attrs or dataclasses,
JSON in bytes or in the attribute data. Strings are joined and compared with
the text. Pings are left out, and nulls are the same as missing keys. Keys that
a function leaves out are named, but are no difference.
"""
_EPILOG = """\
examples:
  chunkview bench my_package.parser:parse
  chunkview bench my_package.parser:parse recordings/*.sse.gz
  chunkview bench my_package.parser:feed_all --segments 1400 --fast
  chunkview bench new:parse --peer old=old:parse --without SDK
  chunkview bench my_package.parser:parse --pyperf after.json

exit status:
  0    measured; the answers agree, or could not be compared
  1    the answers of FUNCTION or of a --peer differ, or it raises; or a file
       cannot be read
  2    the arguments are invalid, or the extra "bench" is not installed
  130  ended by Ctrl-C

keys of the object that --json prints, always all of them:
  chunkview, python, packages, workload_version, segments
                         what was measured; segments is null for whole bodies
  figures                an object for each row of bodies and each function:
                         row, function, mean, std (seconds), ratio (to
                         chunkview), megabytes_per_second, events_per_second;
                         the row "all" has the sums
  answers                an object for each function but chunkview: function,
                         status (agrees, leaves out, not compared, differs,
                         fails), compared (events, text or ""), problem, file,
                         event, expected, given, missing
"""


def add_bench(commands: Any) -> None:
    """Add the command `bench`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    bench = described(
        commands.add_parser("bench", help="measure a parser beside chunkview and others"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    bench.set_defaults(run=lambda arguments: _run(bench, arguments))
    bench.add_argument(
        "function", type=_place, metavar="FUNCTION", help="your parser, as package.module:function"
    )
    completed_as_path(
        bench.add_argument(
            "files", nargs="*", metavar="FILE", help="what to parse, in any format that show reads"
        )
    )
    bench.add_argument(
        "--peer",
        action="append",
        type=_peer,
        default=[],
        metavar="NAME=FUNCTION",
        help="another parser to measure; may be repeated",
    )
    bench.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="leave out SDK, msgspec Structs or floor; may be repeated",
    )
    bench.add_argument(
        "--segments",
        type=numeral(int, lambda size: size >= 1, "one byte or more"),
        metavar="N",
        help="give pieces of N bytes instead of the whole body",
    )
    effort = bench.add_mutually_exclusive_group()
    effort.add_argument(
        "--fast",
        dest="effort",
        action="store_const",
        const=_FAST,
        default=_QUICK,
        help="measure less: for a first look",
    )
    effort.add_argument(
        "--rigorous",
        dest="effort",
        action="store_const",
        const=_RIGOROUS,
        help="measure more: for figures to publish",
    )
    bench.add_argument("--json", action="store_true", help="print the report as a JSON object")
    completed_as_path(
        bench.add_argument(
            "--pyperf", metavar="FILE", help="also write the measurements for python -m pyperf"
        )
    )
    add_no_color(bench)


def _place(text: str) -> str:
    if not is_place_of_function(text):
        raise argparse.ArgumentTypeError(f"expected package.module:function, got {text!r}")
    return text


def _peer(text: str) -> Function:
    name, _, place = text.partition("=")
    if not name.strip() or not place:
        raise argparse.ArgumentTypeError(f"expected NAME=package.module:function, got {text!r}")
    return Function(name, _place(place))


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    functions = _functions(parser, arguments)
    if find_spec("pyperf") is None:
        complain("bench needs pyperf: pip install 'chunkview[bench]'")
        return _USAGE
    from .running import run_bench

    return run_bench(functions, arguments)


def _functions(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[Function]:
    """Give the functions in the order of the table."""
    peers = installed_peers()
    for name in arguments.without:
        if name not in PEERS:
            parser.error(f"--without takes {', '.join(PEERS)}, not {name!r}")
        peers.pop(name, None)
    functions = [
        Function(arguments.function, arguments.function),
        *arguments.peer,
        *(Function(name, place, takes_pieces=True) for name, place in peers.items()),
    ]
    names = [function.name for function in functions]
    if len(set(names)) < len(names):
        parser.error("two functions have the same name")
    return functions
