"""The pytest plugin: fixtures for tests of code that reads Anthropic's streams.

pytest loads this module in each project with chunkview installed. So it imports nothing of
chunkview until a test uses a fixture, or the option is given.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chunkview.recordings import Recording
    from chunkview.testing import ReplayServer, Reply

__all__ = ["anthropic_recording", "anthropic_replay", "anthropic_workload"]

_OPTION = "--anthropic-recordings"
_REPLAY = "anthropic_replay"
_RECORDING = "anthropic_recording"
_WORKLOAD = "anthropic_workload"
_GIVEN = pytest.StashKey["list[Recording]"]()


@pytest.fixture
def anthropic_replay(request: pytest.FixtureRequest) -> Iterator[ReplayServer]:
    """A server in the place of Anthropic's API, for the time of a test.

    ANTHROPIC_BASE_URL leads to it, so `anthropic.Anthropic()` in the tested code talks to it. It
    sends a short recorded text. The marker `anthropic_replay` says what to send instead. A test
    that also uses `anthropic_recording` gets that recording.

    The value is a `chunkview.testing.ReplayServer`: `url`, and `requests`, those it received.
    """
    with _server_for(request) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ANTHROPIC_BASE_URL", server.url)
        environment.setenv("ANTHROPIC_API_KEY", "none")
        environment.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
        # A proxy would not find this machine's own addresses.
        for name in ("NO_PROXY", "no_proxy"):
            environment.setenv(name, "127.0.0.1", prepend=",")
        yield server


@pytest.fixture
def anthropic_recording(request: pytest.FixtureRequest) -> Recording:
    """A `chunkview.recordings.Recording`. The test runs once with each.

    They are the recordings in the PATH of `--anthropic-recordings`, otherwise a few that chunkview
    has. `anthropic_recording.source` is what `chunkview.accumulate` takes;
    `chunkview.recordings.body_of(anthropic_recording)` is the body as bytes. To choose, parametrize
    it, with `indirect=True`: by recordings, or by the names of chunkview's.
    """
    from chunkview.recordings import Recording

    value = _param(request)
    own = {recording.name: recording for recording in _own_recordings()}
    if isinstance(value, str):
        value = own.get(value, value)
    if not isinstance(value, Recording):
        got = f"the name {value!r}" if isinstance(value, str) else type(value).__name__
        _fail(
            f"{_RECORDING}: expected a chunkview.recordings.Recording, or the name of one of "
            f"chunkview's ({', '.join(own)}), got {got}; chunkview.recordings.read(path) reads "
            "others"
        )
    return value


@pytest.fixture
def anthropic_workload(request: pytest.FixtureRequest) -> bytes:
    """A body of 2,000 deltas for benchmarks. The test runs once with each workload.

    The name and the seed decide every byte: see `chunkview.testing.workload`.
    """
    try:
        return _workload(_param(request))
    except ValueError as error:
        _fail(f"{_WORKLOAD}: {error}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("anthropic", "Anthropic's streams (chunkview)").addoption(
        _OPTION,
        metavar="PATH",
        help=f"run the tests that use the fixture {_RECORDING} once with each stream in a file or "
        "folder, in any format that chunkview.recordings.read takes",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker. Read the recordings, if there are any."""
    config.addinivalue_line(
        "markers",
        f"{_REPLAY}(*replies, segment_size=None, delay=0.0): what the server of the fixture "
        f"{_REPLAY} sends, one reply after the other, then the first again: the name of one of "
        "chunkview's recordings, the path of a recording beside the test's file, a body as bytes, "
        "or another reply of chunkview.testing; or a mapping of them. The test "
        "need not name the fixture.",
    )
    path = config.getoption(_OPTION)
    if path is not None:
        config.stash[_GIVEN] = _read(path)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Start the server for each test with the marker, so that none asks the real API."""
    if item.get_closest_marker(_REPLAY) is None or not isinstance(item, pytest.Function):
        return
    if _REPLAY not in item.fixturenames:
        # First, so that the other fixtures of the test find the server.
        item.fixturenames.insert(0, _REPLAY)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once with each recording and each workload that it asks for."""
    if _is_open(metafunc, _RECORDING):
        recordings, ids = _recordings(metafunc.config)
        metafunc.parametrize(_RECORDING, recordings, ids=ids, indirect=True)
    if _is_open(metafunc, _WORKLOAD):
        from chunkview.testing import workload_names

        metafunc.parametrize(_WORKLOAD, workload_names(), indirect=True)


def _is_open(metafunc: pytest.Metafunc, name: str) -> bool:
    """Whether a test asks for a fixture and does not choose its values itself."""
    chosen: set[str] = set()
    for marker in metafunc.definition.iter_markers("parametrize"):
        names = marker.args[0] if marker.args else marker.kwargs["argnames"]
        chosen.update(names.replace(",", " ").split() if isinstance(names, str) else names)
    return name in metafunc.fixturenames and name not in chosen


def _recordings(config: pytest.Config) -> tuple[Sequence[Recording], list[str]]:
    """Give the recordings and their ids."""
    given = config.stash.get(_GIVEN, None)
    if given is None:
        given = _own_recordings()
    return given, [_id_of(recording, config.getoption(_OPTION)) for recording in given]


@cache
def _own_recordings() -> list[Recording]:
    from chunkview.recordings import Recording
    from chunkview.testing import recording, recording_names

    return [Recording(name, recording(name), "sse") for name in recording_names()]


def _id_of(recording: Recording, path: str | None) -> str:
    """Name a recording by its file below the folder, and its place in the file."""
    if path is None or not Path(path).exists():  # a pattern, or a URL
        return recording.name
    folder = path if Path(path).is_dir() else Path(path).parent
    return os.path.relpath(recording.file, folder) + recording.name[len(recording.file) :]


def _read(path: str) -> list[Recording]:
    from chunkview.recordings import read

    if not path:
        raise pytest.UsageError(f"{_OPTION}: expected a file or a folder, got nothing")
    try:
        found = list(read(path))
    except FileNotFoundError as error:
        raise pytest.UsageError(f"{_OPTION}: there is no file or folder {path}") from error
    except (OSError, ImportError, ValueError) as error:
        raise pytest.UsageError(f"{_OPTION}: {error}") from error
    if not found:
        raise pytest.UsageError(f"{_OPTION}: there are no recordings in {path}")
    return found


def _param(request: pytest.FixtureRequest) -> Any:
    if not hasattr(request, "param"):
        name = request.fixturename
        _fail(
            f"{name}: the test, or a fixture that it uses, has to name {name} as an argument; "
            "request.getfixturevalue() and unittest.TestCase cannot run a test several times"
        )
    return request.param


def _fail(problem: str) -> NoReturn:
    """Fail a test that uses the plugin wrongly. No line of this file explains that."""
    raise pytest.fail.Exception(problem, pytrace=False) from None


def _server_for(request: pytest.FixtureRequest) -> ReplayServer:
    from chunkview.testing import ReplayServer

    marker = request.node.get_closest_marker(_REPLAY)
    options = {} if marker is None else marker.kwargs
    known = [name for name in inspect.signature(ReplayServer).parameters if name != "bodies"]
    for name in options:
        if name not in known:
            _fail(f"{_REPLAY}: there is no argument {name}; there are {', '.join(known)}")
    try:
        return ReplayServer(_replies_to(request, marker), **options)
    except (OSError, ImportError, TypeError, ValueError) as error:
        _fail(f"{_REPLAY}: {error}")


def _replies_to(
    request: pytest.FixtureRequest, marker: pytest.Mark | None
) -> list[Reply] | dict[Any, list[Reply]]:
    from chunkview.recordings import body_of
    from chunkview.testing import recording

    if marker is not None and marker.args:
        folder = request.path.parent
        if len(marker.args) == 1 and isinstance(marker.args[0], Mapping):
            return {
                matcher: _all_replies(value if isinstance(value, list) else [value], folder)
                for matcher, value in marker.args[0].items()
            }
        return _all_replies(marker.args, folder)
    if _RECORDING in request.fixturenames:
        return [body_of(request.getfixturevalue(_RECORDING))]
    return [recording("text")]


def _all_replies(values: Iterable[Any], folder: Path) -> list[Reply]:
    return [reply for value in values for reply in _replies(value, folder)]


def _replies(value: Any, folder: Path) -> list[Reply]:
    """Give the replies that an argument of the marker names."""
    from chunkview.recordings import body_of, read
    from chunkview.testing import recording, recording_names

    if value in recording_names():
        return [recording(value)]
    if not isinstance(value, (str, os.PathLike)):
        return [value]
    path = folder / value
    try:
        found: list[Reply] = [body_of(recording) for recording in read(path)]
    except FileNotFoundError:
        names = ", ".join(recording_names())
        raise ValueError(f"there is no recording {value} ({names}) and no file {path}") from None
    if not found:
        raise ValueError(f"there are no recordings in {path}")
    return found


@cache
def _workload(name: str) -> bytes:
    from chunkview.testing import workload

    return workload(name)
