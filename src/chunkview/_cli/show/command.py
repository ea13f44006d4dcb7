"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import add_files, add_no_color, completed_as_path, described
from ..console import columns_of, complain, has_color
from ..display import printable_name
from ..progress import Progress
from ..streams import followed, streams_of
from .summary import as_totals, totals
from .transcript import Transcript
from .views import Lines, Rows, Text

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from ..._model import Message
    from ..reading import Reading
    from ..streams import Stream
    from .views import View

__all__ = ["add_show", "transcript_for"]

_DESCRIPTION = """\
Show what is in a stream, in order: text, thinking (marked with "| "), tool
calls with their input, what server tools found, and citations as numbered
notes. Then come the finish reason, the tokens, and the cost (needs the extra
"prices"). After several streams come their totals.

A FILE is the body of an answer, also with the headers of curl -i; JSON lines:
events, what --json prints, the log of Claude Code (claude -p --output-format
stream-json), the results of a batch; a message; a cassette of VCR.py; a HAR
file; or frames of AWS. Each may be compressed with gzip or zstd. The content
tells the format. A FILE may hold several streams, and it may be a folder, a
pattern or a URL.

The body of an answer is shown while it arrives, on a pipe or, with --follow,
in a file that grows. --follow begins at the start of the file and ends with
Ctrl-C. It goes on with the new file when the file is replaced or cut short, as
logs are.

On a terminal, lines break between words (at 200 columns or less), and control
characters are shown as escapes. Pipes and files get the text and the thinking
unchanged, without the numbers of notes in the text; lines break if COLUMNS is
set. At most 200 characters are shown of a name, and 10,000 of what a tool gets
or gives; --json shows all.

A live stream, from a pipe, has its timing: the seconds until the first text,
thinking or tool input, counted from the start of reading, and the output
tokens per second, from the first event to the end. A file has it if chunkview
record wrote it: the times are in the sidecar FILE.times, and the seconds are
counted from the request.

--html writes a picture instead, for a browser: one file, which needs no
network. It has the events on a timeline, the JSON of each, the broken rules at
their events, and the text.

If a stream is broken, cut short, ended by an error event, or no message (it
begins a second one, say), show prints everything before that place. Standard
error names the file and the byte offset of the event's first line (the size of
the file if it ends between two events). Then show goes on with the next file.
"""
_EPILOG = """\
examples:
  chunkview show answer.sse
  chunkview show recordings/ cassettes/*.yaml batch.jsonl.gz
  chunkview show --html out.html answer.sse
  chunkview show --follow answer.sse
  curl -N https://api.anthropic.com/v1/messages ... | chunkview show -
  claude -p --output-format stream-json --verbose 'Hello' | chunkview show -
  chunkview show --chunks answer.sse | grep ToolUse
  chunkview show --json *.sse | jq -r 'select(.thinking != "") | .thinking'

keys of the objects that --json prints, always all of them:
  file, offset           the file, and the event's byte offset in it (in a
                         compressed file: in what it decompresses to; in a
                         cassette or HAR file: in the answer)
  type, delta_type       the types of the event and of its delta, or null
  index                  the content block's number, or null
  content, thinking      the text that the event adds, or ""
  finish_reasons         the stop reason in a list, or null
  common_finish_reasons  the same as "stop", "length", "tool_calls" or
                         "content_filter", or null
  model, id              the message's, on message_start, else null
  usage                  the event's usage, unchanged, or null
  input_tokens, cached_tokens, output_tokens
                         from that usage, or null; they are totals so far: use
                         the last value, do not add them up
  event                  the whole event, unchanged

exit status:
  0    every stream was shown to its end, or Ctrl-C ended --follow
  1    a stream is broken, or a file cannot be read
  2    the arguments are invalid
  130  ended by Ctrl-C
"""


def add_show(commands: Any) -> None:
    """Add the command `show`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    show = described(
        commands.add_parser("show", help="show recorded or live streams"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    show.set_defaults(run=lambda arguments: _run(show, arguments))
    add_files(show)
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--chunks", action="store_true", help="print each chunk view on a line")
    shape.add_argument("--json", action="store_true", help="print each chunk as a JSON object")
    completed_as_path(
        shape.add_argument(
            "--html",
            metavar="OUT",
            help="write a picture of the streams to an HTML file; - is standard output",
        )
    )
    show.add_argument(
        "--follow", action="store_true", help="go on when the FILE grows, until Ctrl-C"
    )
    add_no_color(show)


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.html is not None:
        from ..picture import draw

        if arguments.follow:
            parser.error("--html cannot be used with --follow")
        return draw(arguments.files, arguments.html)
    if not arguments.follow:
        return _show_files(arguments)
    if len(arguments.files) > 1 or not Path(arguments.files[0]).is_file():
        parser.error("--follow needs one file that is there")
    return _follow(arguments)


def _show_files(arguments: argparse.Namespace) -> int:
    files: list[str] = arguments.files
    status = 0
    color = has_color(sys.stderr, is_refused=arguments.no_color)
    # What comes from a pipe may be live: a person looks at it, and not at a bar.
    is_wanted = len(files) > 1 and not any(map(_is_pipe, files))
    with Progress(len(files), color=color, is_wanted=is_wanted) as progress:
        # Output to the bar's terminal waits until the bar is gone.
        is_held_back = progress.is_drawn and sys.stdout.isatty()
        out: TextIO = io.StringIO() if is_held_back else sys.stdout
        printer = _Printer(arguments, out)

        def before_read(_position: int) -> None:
            # The next bytes may take a while.
            out.flush()

        for file in files:
            for stream in streams_of(file, before_read=before_read, clock=time.perf_counter):
                problem = printer.show(stream, has_head=len(files) > 1 or stream.is_one_of_many)
                with progress.between_streams():
                    if isinstance(out, io.StringIO):
                        sys.stdout.write(out.getvalue())
                        out.seek(0)
                        out.truncate()
                    sys.stdout.flush()
                    if problem:
                        complain(problem, file=stream.name)
                status = status or int(bool(problem))
            progress.advance()
    messages = printer.messages
    if len(messages) > 1 and not arguments.json and not arguments.chunks:
        print(f"\n{as_totals(totals(messages), columns=columns_of(sys.stdout))}", end="")
    return status


def _is_pipe(file: str) -> bool:
    path = Path(file)
    return file == "-" or (path.exists() and not path.is_file() and not path.is_dir())


def _follow(arguments: argparse.Namespace) -> int:
    """Show a file that grows. Ctrl-C is how this ends, so it is no failure."""
    status = 0
    printer = _Printer(arguments, sys.stdout)
    try:
        for stream in followed(arguments.files[0], before_read=lambda _: printer.pause()):
            problem = printer.show(stream, has_head=stream.is_one_of_many)
            sys.stdout.flush()
            if problem:
                complain(problem, file=stream.name)
                status = 1
    except KeyboardInterrupt:
        printer.end()
    return status


class _Printer:
    """Shows one stream after the other.

    Attributes:
        messages: The name of each stream and its message, as far as it was read, or None.
    """

    def __init__(self, arguments: argparse.Namespace, out: TextIO) -> None:
        """Begin.

        Args:
            arguments: The arguments of the command.
            out: Where to write.
        """
        self.messages: list[tuple[str, Message | None]] = []
        self._arguments = arguments
        self._out = out
        self._view: View | None = None

    def show(self, stream: Stream, *, has_head: bool) -> str:
        """Show a stream.

        Args:
            stream: The stream.
            has_head: Whether its name is shown before it.

        Returns:
            Why it cannot be read to its end, or "".
        """
        if has_head and not self._arguments.json:
            gap = "\n" * bool(self.messages)
            self._out.write(f"{gap}==> {printable_name(stream.name)} <==\n")
        reading = stream.reading
        if reading is None:
            self.messages.append((stream.name, None))
            return stream.problem
        view = self._view = self._view_of(stream, reading)
        for offset, chunk in reading.with_last() if view.has_last else reading:
            self._out.write(view.add(offset, chunk))
        self.end()
        self.messages.append((stream.name, reading.stream.message))
        failure = reading.failure
        return f"byte {failure.offset}: {failure.problem}" if failure else stream.problem

    def pause(self) -> None:
        """Write all that is known before the next bytes, which may take a while."""
        if self._view is not None:
            self._out.write(self._view.pause())
        self._out.flush()

    def end(self) -> None:
        """Write what comes after the last event."""
        view, self._view = self._view, None
        if view is not None:
            self._out.write(view.end())

    def _view_of(self, stream: Stream, reading: Reading) -> View:
        if self._arguments.chunks:
            return Lines()
        if self._arguments.json:
            return Rows(
                stream.file,
                ascii_only=(sys.stdout.encoding or "").lower() not in ("utf-8", "utf8"),
                is_terminal=sys.stdout.isatty(),
            )
        transcript = transcript_for(self._arguments)
        return Text(reading.stream, transcript, columns=columns_of(sys.stdout))


def transcript_for(arguments: argparse.Namespace) -> Transcript:
    """Begin the transcript of a stream, for standard output."""
    return Transcript(
        is_terminal=sys.stdout.isatty(),
        color=has_color(sys.stdout, is_refused=arguments.no_color),
        columns=columns_of(sys.stdout),
    )
