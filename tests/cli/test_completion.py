"""`chunkview completion`: the scripts that complete in a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chunkview._cli.arguments import completed_as_path
from chunkview._cli.main import build_parser, main
from cli.console import GUARD_SECONDS, Capture, Start, read_rest, without

shtab = pytest.importorskip("shtab")

COMPLETIONS = [
    ("chunkview sh", ["show"]),
    ("chunkview show --fol", ["--follow"]),
    ("chunkview check --st", ["--strict"]),
    ("chunkview show ans", ["answer.sse"]),
    ("chunkview serve ans", ["answer.sse"]),
    ("chunkview check ans", ["answer.sse"]),
    ("chunkview stats ans", ["answer.sse"]),
    ("chunkview stats rows -o ans", ["answer.sse"]),
    ("chunkview show --html ans", ["answer.sse"]),
    ("chunkview bench my:parse ans", ["answer.sse"]),
    ("chunkview completion z", ["zsh"]),
]
"""What is typed before the Tab key is pressed, and what it may become."""

# What bash does when the Tab key is pressed after the last of the words.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function=$(complete -p chunkview | sed 's/.* -F \\([^ ]*\\).*/\\1/')
"$function" chunkview "${@: -1}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(("words", "expected"), COMPLETIONS)
def test_bash_completes_commands_options_and_files(
    words: str, expected: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "answer.sse").touch()
    shown = subprocess.run(
        ["bash", "--norc", "-c", PRESS_TAB, "bash", str(script), *words.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == expected


CHECKS = {
    "bash": ["bash", "-n"],
    "fish": ["fish", "--no-config", "--no-execute"],
    "tcsh": ["tcsh", "-f", "-n"],
    "zsh": ["zsh", "-f", "-n"],
}
"""Commands that read a script without running it. Each is killed by a mistake in the syntax."""


def script_for(shell: str, folder: Path, capsys: Capture) -> Path:
    """The script in a file, beside a recording."""
    assert main(["completion", shell]) == 0
    script = folder / f"completion.{shell}"
    script.write_text(capsys.readouterr().out)
    (folder / "answer.sse").touch()
    return script


def run_in(shell: str, *arguments: str, folder: Path) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    home = {"HOME": str(folder), "ZDOTDIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    shown = subprocess.run(
        [shell, *arguments],
        cwd=folder,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        check=True,
    )
    assert shown.stderr == ""
    return shown.stdout


@pytest.mark.parametrize("shell", CHECKS)
def test_the_shell_can_read_its_script(shell: str, tmp_path: Path, capsys: Capture) -> None:
    script = script_for(shell, tmp_path, capsys)
    _, *options = CHECKS[shell]
    assert run_in(shell, *options, str(script), folder=tmp_path) == ""


@pytest.mark.parametrize(("words", "expected"), COMPLETIONS)
def test_fish_completes_commands_options_and_files(
    words: str, expected: list[str], tmp_path: Path, capsys: Capture
) -> None:
    script = script_for("fish", tmp_path, capsys)
    program = f"source {script}; complete --do-complete '{words}'"
    shown = run_in("fish", "--no-config", "-c", program, folder=tmp_path)
    # A tab comes before what an option is for.
    assert [line.partition("\t")[0] for line in shown.splitlines()] == expected


@pytest.mark.parametrize("shell", ["bash", "fish", "tcsh", "zsh"])
def test_each_shell_has_a_script_with_every_command(shell: str, capsys: Capture) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in ("show", "serve", "record", "check", "demo"))
    with pytest.raises(SystemExit, match="0"):
        build_parser().parse_args(["completion", shell, "--help"])


def test_a_path_is_completed_as_shtab_completes_files() -> None:
    argument = build_parser().add_argument("file")
    completed_as_path(argument)
    expected = {shell: shtab.FILE[shell] for shell in ("bash", "fish", "tcsh", "zsh")}
    assert argument.complete == expected  # type: ignore[attr-defined]


def test_without_shtab_the_extra_is_named(start: Start) -> None:
    output, errors, status = read_rest(start("-c", without("shtab"), "completion", "bash"))
    expected = b"chunkview: the script needs shtab: pip install 'chunkview[completion]'\n"
    assert errors == expected
    assert (output, status) == (b"", 2)
