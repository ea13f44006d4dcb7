"""What to read: a file, a folder, a pattern, an open file, or a place that fsspec reaches."""

from __future__ import annotations

import bisect
import functools
import glob
import io
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import kind_of
from ._due import Exchange, is_for_messages, is_stream_due
from ._when import day_in, time_of_file, time_read

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


__all__ = ["Place", "is_url", "places_of"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::|://)")
_MAGIC = re.compile(r"[*?\[]")
_LONGEST_SIDECAR = 64 * 1024 * 1024


@attrs.frozen(slots=False)
class Place:
    """A file to read. It can be pickled unless it is an open file.

    Attributes:
        name: Its path or URL; "" if it has no name.
        open: Opens it in binary mode. Raises OSError.
        is_named: Whether the caller named this file, and not a folder or a pattern.
        open_sidecar: Opens what `chunkview record` wrote beside the file, if there may be some.
            It takes the end of the name. Raises OSError.
        when: When the file was recorded, if the caller knows it.
    """

    name: str
    open: Callable[[], Any]
    is_named: bool = False
    open_sidecar: Callable[[str], Any] | None = None
    when: datetime | None = None

    def time(self, file: Any) -> datetime | None:
        """Find when the file was recorded, if the caller does not know it.

        The sidecar tells it, or the path, or when the file was modified.

        Args:
            file: What `open` gave.
        """
        recorded = self.when or time_read(self._exchange.started)
        return recorded or day_in(self.name) or time_of_file(file)

    def is_stream_due(self) -> bool | None:
        """Tell from the sidecars what `Recording.is_stream_due` says."""
        exchange = self._exchange
        request = self._sidecar(_REQUEST)
        return is_stream_due(exchange.method, exchange.path, request, exchange.status)

    def is_for_messages(self) -> bool:
        """Tell from the sidecar whether the file may hold messages. Without one, it may."""
        return is_for_messages(self._exchange.path, self._exchange.content_type)

    @functools.cached_property
    def _exchange(self) -> Exchange:
        return Exchange.from_sidecar(self._sidecar(_SIDECAR))

    def _sidecar(self, suffix: str) -> bytes:
        """Read a sidecar; b"" if there is none."""
        if self.open_sidecar is None:
            return b""
        try:
            with self.open_sidecar(suffix) as sidecar:
                data: bytes = sidecar.read(_LONGEST_SIDECAR)
                return data
        except OSError:  # most files have none
            return b""


def places_of(source: Any) -> Iterator[Place]:
    """Find the files to read, in the order of their names.

    Args:
        source: A path, a pattern, a URL, a file that is open in binary mode, or one place.

    Raises:
        FileNotFoundError: There is no such file, or no file fits the pattern.
        ImportError: It is a URL, and fsspec is not installed.
        TypeError: It is something else.
        ValueError: fsspec does not know such URLs.
    """
    if isinstance(source, Place):
        yield source
        return
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if isinstance(path, str):
            yield from _of_url(path) if is_url(path) else _of_path(path)
            return
    if hasattr(source, "read") and not isinstance(source, io.TextIOBase):
        name = getattr(source, "name", "")
        # The caller closes it.
        yield Place(name if isinstance(name, str) else "", lambda: _Kept(source), is_named=True)
        return
    raise TypeError(
        f"expected a path, or a file opened in binary mode (open(path, 'rb')), got "
        f"{kind_of(source)}; for bytes, give io.BytesIO(data)"
    )


def is_url(path: str) -> bool:
    """Whether a path is a URL, and not a file that has such a name."""
    return _URL.match(path) is not None and not Path(path).exists()


class _Kept:
    """An open file that is not closed at the end."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        for name in ("read1", "fileno", "details"):
            if hasattr(file, name):
                setattr(self, name, getattr(file, name))

    def close(self) -> None:
        pass


def _of_path(path: str) -> Iterator[Place]:
    if Path(path).is_dir():
        yield from _of_folder(path)
    elif _MAGIC.search(path) and not Path(path).exists():
        found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - a Path has no pattern in its root
        if not found:
            raise FileNotFoundError(2, "no file fits the pattern", path)
        names = frozenset(found)
        for name in found:
            if _is_sidecar(name, names):
                continue
            # `**` gives folders as well as what is in them.
            if not Path(name).is_dir():
                yield _file(name, has_sidecar=True)
            elif "**" not in path:
                yield from _of_folder(name)
    else:
        yield _file(path, is_named=True, has_sidecar=True)


def _file(path: str, *, is_named: bool = False, has_sidecar: bool = False) -> Place:
    # Without a buffer, a small file is read in two thirds of the time.
    sidecar = functools.partial(_open_beside, path) if has_sidecar else None
    return Place(path, functools.partial(open, path, "rb", 0), is_named, sidecar)


def _open_beside(path: str, suffix: str) -> Any:
    return Path(path + suffix).open("rb")


def _of_folder(path: str) -> Iterator[Place]:
    """Find all files below a folder, but for hidden ones (`.name`) and sidecars.

    The files of a folder come before those of the folders in it. Links to folders are left out.
    Memory: the names of one folder.
    """
    waiting = [str(Path(path))]
    while waiting:
        folder = waiting.pop()
        files: list[str] = []
        below: list[str] = []
        odd: set[str] = set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if not entry.is_dir():
                        files.append(entry.name)
                        if not entry.is_file():
                            odd.add(entry.name)
                    elif not entry.is_symlink():
                        below.append(entry.name)
        except OSError as error:
            yield Place(folder, functools.partial(_raise, error))
            continue
        files.sort()
        sidecars = {name for name in files if name.endswith(_SIDECARS) and _is_among(name, files)}
        prefix = "" if folder == os.curdir else str(Path(folder, "x"))[:-1]
        for name in files:
            # A link to nothing is an error to tell of. A socket, say, is no recording.
            if name not in sidecars and not (name in odd and Path(folder, name).exists()):
                yield _file(prefix + name, has_sidecar=not sidecars.isdisjoint(_beside(name)))
        waiting += [prefix + name for name in sorted(below, reverse=True)]


def _is_among(sidecar: str, files: list[str]) -> bool:
    """Whether the file of a sidecar is in a sorted list."""
    name = sidecar.rpartition(".")[0]
    at = bisect.bisect_left(files, name)
    return at < len(files) and files[at] == name


_SIDECAR = ".times"
_REQUEST = ".request"
_SIDECARS = (_SIDECAR, _REQUEST)


def _beside(name: str) -> tuple[str, ...]:
    """The names of the sidecars that a file may have."""
    return tuple(name + suffix for suffix in _SIDECARS)


def _is_sidecar(name: str, names: Collection[str]) -> bool:
    """Whether a file has the times or the request of another one: `chunkview record` wrote it."""
    return name.endswith(_SIDECARS) and name.rpartition(".")[0] in names


def _open_remote(system: Any, path: str, suffix: str) -> Any:
    return system.open(path + suffix, "rb")


def _raise(error: OSError) -> Any:
    raise error


def _of_url(url: str) -> Iterator[Place]:
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError(f"{url} needs fsspec: pip install 'chunkview[fsspec]'") from None
    system, path = url_to_fs(url)
    if _MAGIC.search(path):
        found = sorted(name for name in system.glob(path) if not system.isdir(name))
    elif system.isdir(path):
        found = sorted(system.find(path))
    else:
        yield Place(url, functools.partial(system.open, path, "rb"), is_named=True)
        return
    if not found:
        raise FileNotFoundError(2, "there is no such file", url)
    names = frozenset(found)
    for name in found:
        if _is_sidecar(name, names):
            continue
        sidecar = None
        if not names.isdisjoint(_beside(name)):
            sidecar = functools.partial(_open_remote, system, name)
        yield Place(
            system.unstrip_protocol(name),
            functools.partial(system.open, name, "rb"),
            open_sidecar=sidecar,
        )
