"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common import CostMetadata
from ..arguments import add_port, completed_as_path, described, parts_of_url
from ..console import columns_of, complain, reason_of
from ..display import price_of, printable_name
from ..wrapping import wrapped
from .folder import Folder
from .recorder import Recorder
from .report import Sums

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["add_record"]

_USAGE = 2
_INDENT = "  "

_DESCRIPTION = """\
Forward the requests of a client to the Messages API, or to another server, and
record the answers. The bytes pass unchanged, and never wait for the disk. The
server listens on 127.0.0.1 only. Ctrl-C ends it.

It prints a line for each answer: tokens, cost (needs the extra "prices"), the
time to the first token, and the name of the recording. An answer that breaks
off is recorded up to that point. If the disk is full or too slow, the answer
still passes, and the line says NOT RECORDED.

Only you can read the files. Keys, cookies and other headers that may be secret
are not written, nor are unknown parameters of a URL. The requests' bodies are
not written without --keep-requests.
"""
_EPILOG = """\
examples:
  chunkview record --to https://api.anthropic.com recordings
  chunkview record --to https://api.anthropic.com --keep-requests recordings
  chunkview serve --as-recorded recordings

files in DIR, where the time is that of the request, in UTC:
  20260131-235959-0001.sse          the body of a stream (.json: a whole message
                                    or an error; .jsonl; .bin: anything else)
  20260131-235959-0001.sse.times    the sidecar: status, headers, and when each
                                    piece came, for show and serve --as-recorded
  20260131-235959-0001.sse.request  the request's body, with --keep-requests
  20260131-235959-0001.sse.partial  an answer that is not recorded to its end

exit status:
  0    ended by Ctrl-C, and every answer was recorded
  1    an answer was not recorded, or the server or DIR cannot be made
  2    the arguments are invalid, or the extra "record" is not installed
"""
_LISTENING = "Listening on {url} until Ctrl-C, recording to {folder}. Point a client at it:"
# It is not wrapped, so that it can be copied.
_CLIENT = """
  ANTHROPIC_BASE_URL={url} python your_program.py
"""


def add_record(commands: Any) -> None:
    """Add the command `record`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    record = described(
        commands.add_parser("record", help="forward requests to the API, and record the answers"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    record.set_defaults(run=_run)
    completed_as_path(
        record.add_argument(
            "folder", metavar="DIR", help="where the recordings go; made if missing"
        )
    )
    record.add_argument(
        "--to", type=_url, required=True, metavar="URL", help="the server to forward to"
    )
    add_port(record)
    record.add_argument(
        "--keep-requests",
        action="store_true",
        help="also write the bodies of the requests, without keys",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        from .server import Proxy
    except ImportError as error:
        complain(str(error))
        return _USAGE
    # Loading a price list takes a moment, in which no answer should have to wait.
    price_of(CostMetadata())
    sums = Sums()
    try:
        folder = Folder(Path(arguments.folder))
    except FileExistsError:
        complain("it is a file: DIR is the folder for the recordings", file=arguments.folder)
        return 1
    except OSError as error:
        complain(reason_of(error), file=arguments.folder)
        return 1
    recorder = Recorder(
        folder, lambda tape: _log(sums.add(tape)), keeps_requests=arguments.keep_requests
    )
    try:
        proxy = Proxy(arguments.to, recorder, port=arguments.port)
    except OSError as error:
        complain(f"cannot listen on port {arguments.port}: {reason_of(error)}")
        return 1
    status = 0
    shown = printable_name(arguments.folder)
    with _terminated_like_interrupted():
        try:
            with proxy:
                _print(_LISTENING.format(url=proxy.url, folder=shown))
                print(_CLIENT.format(url=proxy.url), flush=True)
                proxy.wait()
        except KeyboardInterrupt:
            pass
        except RuntimeError as error:
            complain(str(error))
            status = 1
        # A second Ctrl-C does not wait for the disk.
        with suppress(KeyboardInterrupt):
            recorder.close()
    unfinished = recorder.unfinished
    print()
    for line in sums.lines(arguments.folder, unfinished):
        _print(line)
    return int(bool(status or sums.lost or unfinished))


def _log(line: str) -> None:
    # Nobody may read the lines any more. The answers go on.
    with suppress(OSError, ValueError):
        _print(line)


def _print(line: str) -> None:
    print(wrapped(line, columns_of(sys.stdout), indent=_INDENT), end="", flush=True)


@contextmanager
def _terminated_like_interrupted() -> Generator[None]:
    """Let SIGTERM do what Ctrl-C does, so that the last recordings are written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _url(text: str) -> str:
    parts = parts_of_url(text)
    if parts and not (parts.username or parts.password or parts.query or parts.fragment):
        return text
    raise argparse.ArgumentTypeError(
        f"expected http://... or https://..., without a key or a query, got {text!r}"
    )
