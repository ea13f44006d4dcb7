"""A Dask cluster: it runs a function on the parts of the work, and gives the results in order.

When a worker dies, the cluster runs its task again on another one. Only some parts are with the
cluster at a time, so the memory of this process and of the scheduler does not grow with their
number.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import logging
import uuid
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ... import __version__
from .dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

__all__ = ["Cluster", "ClusterError", "Setting", "connected"]

T = TypeVar("T")
R = TypeVar("R")

_CONNECT_SECONDS = 15
_RETRIES = 3
"""How often a task may fail. How many workers may die from a task is a setting of the scheduler:
`distributed.scheduler.allowed-failures`, by default 3."""
_PARTS_PER_THREAD = 4
_FEWEST_PARTS = 16
"""So many parts are with the cluster also when it has few workers, or none yet."""
_MOST_PROBLEMS = 3
_GONE = "the scheduler went away"


class ClusterError(Exception):
    """The cluster cannot do the work. The message says why."""


@attrs.frozen
class Setting:
    """What each worker needs so that it makes the same rows as this computer.

    Attributes:
        file: One of the files to read, if it is no URL.
        dataset: The output, if there is one.
        chunkview: The version of chunkview.
        prices: The version of the price lists; None if they are not installed.
        extras: The extras that this computer has for reading recordings.
    """

    file: str | None = None
    dataset: Dataset | None = None
    chunkview: str = __version__
    prices: str | None = attrs.field(factory=lambda: _version_of("genai-prices"))
    extras: frozenset[str] = attrs.field(factory=lambda: _extras())

    def problem(self) -> str | None:
        """Say what this worker lacks, or None. It runs on the workers."""
        for name, due, own in (
            ("chunkview", self.chunkview, __version__),
            ("genai-prices", self.prices, _version_of("genai-prices")),
        ):
            if due != own:
                return f"it has {name} {own or '(none)'}, and this computer has {due or 'none'}"
        if lacking := ",".join(sorted(self.extras - _extras())):
            return f"it lacks what this computer has: pip install 'chunkview[{lacking}]'"
        if self.file is not None and not Path(self.file).exists():
            return f"it does not see {self.file}: use a folder that they share, or a URL"
        if self.dataset is None:
            return None
        try:
            import pyarrow  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            return "it has no pyarrow: pip install 'chunkview[dask]'"
        if not self.dataset.is_seen():
            return f"it does not see {self.dataset.folder}: use a folder that they share, or a URL"
        return None


@contextmanager
def connected(address: str) -> Generator[Cluster]:
    """Connect to a cluster, for the block.

    Args:
        address: The scheduler, such as `tcp://10.0.0.1:8786`.

    Raises:
        ClusterError: No scheduler answers there.
        ImportError: Dask is not installed.
    """
    dask = _distributed()
    with _quiet_logs():
        try:
            client = dask.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(f"no scheduler answers at {address}: {error}") from error
        with client:
            yield Cluster(client)


@contextmanager
def _quiet_logs() -> Generator[None]:
    """Keep Dask from logging tracebacks: a `ClusterError` says what is wrong."""
    logs = [logging.getLogger(name) for name in ("distributed.client", "tornado.application")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


class Cluster:
    """A connection to a cluster."""

    def __init__(self, client: Any) -> None:
        """Use a client of Dask."""
        self._client = client

    @property
    def threads(self) -> int:
        """How many tasks the workers run at a time; 0 if there are no workers yet.

        Raises:
            ClusterError: The scheduler went away.
        """
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise ClusterError(_GONE) from error

    def check(self, setting: Setting) -> None:
        """Check that the scheduler and each worker have what they need. Wait for the first worker.

        Raises:
            ClusterError: They do not. The message says what is missing.
        """
        try:
            # It reads the tasks before it hands them on.
            self._client.run_on_scheduler(_version_of, "chunkview")
        except Exception as error:
            raise ClusterError(f"the scheduler cannot run chunkview: {error}") from error
        # Some clusters start a worker only for a task. One that could not import the function of a
        # task would drop its connection, and the task would wait forever.
        _result_of(self._client.submit(int, pure=False), "a task that does nothing")
        workers: dict[str, list[str]] = {}
        found: dict[str, Any] = self._client.run(setting.problem, on_error="return")
        for worker, problem in found.items():
            if isinstance(problem, Exception):
                problem = f"it cannot run chunkview {setting.chunkview}: {problem}"
            if problem is not None:
                workers.setdefault(problem, []).append(worker)
        if workers:
            told = [
                f"{names[0]}: {problem}" if len(names) == 1 else f"{len(names)} workers: {problem}"
                for problem, names in itertools.islice(workers.items(), _MOST_PROBLEMS)
            ]
            raise ClusterError("; ".join(told))

    def map(self, work: Callable[[T], R], parts: Iterable[T], setting: Setting) -> Iterator[R]:
        """Run a function on each part.

        Args:
            work: The function. The workers import it. It may run more than once for a part.
            parts: What it takes.
            setting: What a worker needs. The workers that come later are checked, too.

        Yields:
            The results, in the order of the parts.

        Raises:
            ClusterError: A part failed, or the scheduler went away.
        """
        run = uuid.uuid4().hex
        submit = functools.partial(self._client.submit, _checked, pure=False, retries=_RETRIES)
        waiting = enumerate(parts)
        pending: dict[str, tuple[int, T]] = {}
        results: dict[int, R] = {}
        completed = _distributed().as_completed(loop=self._client.loop)
        due = 0
        while True:
            room = max(_FEWEST_PARTS, _PARTS_PER_THREAD * self.threads) - len(pending)
            for number, part in itertools.islice(waiting, max(room, 0)):
                future = submit(setting, work, part, key=f"chunkview-stats-{run}-{number}")
                pending[future.key] = number, part
                completed.add(future)
            if not pending:
                return
            future = next(completed)
            number, part = pending.pop(future.key)
            results[number] = _result_of(future, part)
            future.release()
            while due in results:
                yield results.pop(due)
                due += 1


def _checked(setting: Setting, work: Callable[[T], R], part: T) -> R:
    """Run the function on a worker."""
    problem = _problem_of(setting)
    if problem is not None:
        raise ClusterError(problem)
    return work(part)


@functools.lru_cache(maxsize=1)
def _problem_of(setting: Setting) -> str | None:
    return setting.problem()


def _result_of(future: Any, part: Any) -> Any:
    """Take the result of a task that has ended.

    Raises:
        ClusterError: It has none.
    """
    dask = _distributed()
    try:
        return future.result()
    except dask.CancelledError as error:
        raise ClusterError(_GONE) from error
    except dask.KilledWorker as error:
        deaths = error.allowed_failures + 1
        raise ClusterError(f"{deaths} workers died while they read {part}") from error
    except ClusterError:
        raise
    except Exception as error:
        raise ClusterError(f"{part}: {error or type(error).__name__}") from error


def _distributed() -> Any:
    """Import Dask, in which many functions have no types.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise ImportError("--dask needs Dask: pip install 'chunkview[dask]'") from None
    return distributed


def _extras() -> frozenset[str]:
    modules = {"yaml": ["yaml"], "zstd": ["zstandard", "compression"]}
    return frozenset(
        extra for extra, some in modules.items() if any(map(importlib.util.find_spec, some))
    )


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
