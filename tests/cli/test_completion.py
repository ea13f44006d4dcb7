"""`chunkview completion`: the scripts that complete in a shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chunkview._cli.arguments import completed_as_path
from chunkview._cli.main import build_parser, main
from cli.console import Capture, Start, read_rest, without

shtab = pytest.importorskip("shtab")

# What bash does when the Tab key is pressed after the last of the words.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function=$(complete -p chunkview | sed 's/.* -F \\([^ ]*\\).*/\\1/')
"$function" chunkview "${@: -1}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("chunkview sh", ["show"]),
        ("chunkview show --fol", ["--follow"]),
        ("chunkview check --st", ["--strict"]),
        ("chunkview show ans", ["answer.sse"]),
        ("chunkview serve ans", ["answer.sse"]),
        ("chunkview check ans", ["answer.sse"]),
        ("chunkview completion z", ["zsh"]),
    ],
)
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
