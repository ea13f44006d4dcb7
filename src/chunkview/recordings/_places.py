"""What to read: a file, a folder, a pattern, an open file, or a place that fsspec reaches."""

from __future__ import annotations

import functools
import glob
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Place", "places_of"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::|://)")
_MAGIC = re.compile(r"[*?\[]")


@attrs.frozen
class Place:
    """A file to read.

    Attributes:
        name: Its path or URL; "" if it has no name.
        open: Opens it in binary mode. Raises OSError.
        is_named: Whether the caller named this file, and not a folder or a pattern.
    """

    name: str
    open: Callable[[], Any]
    is_named: bool = False


def places_of(source: Any) -> Iterator[Place]:
    """Find the files to read, in the order of their names.

    Args:
        source: A path, a pattern, a URL, or a file that is open in binary mode.

    Raises:
        FileNotFoundError: There is no such file, or no file fits the pattern.
        ImportError: It is a URL, and fsspec is not installed.
        TypeError: It is something else.
        ValueError: fsspec does not know such URLs.
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if isinstance(path, str):
            is_url = _URL.match(path) and not Path(path).exists()
            yield from _of_url(path) if is_url else _of_path(path)
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


class _Kept:
    """An open file that is not closed at the end."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        if hasattr(file, "read1"):
            self.read1 = file.read1

    def close(self) -> None:
        pass


def _of_path(path: str) -> Iterator[Place]:
    if Path(path).is_dir():
        yield from _of_folder(path)
    elif _MAGIC.search(path) and not Path(path).exists():
        found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - a Path has no pattern in its root
        if not found:
            raise FileNotFoundError(2, "no file fits the pattern", path)
        for name in found:
            if _is_sidecar(name, found):
                continue
            # `**` gives folders as well as what is in them.
            if not Path(name).is_dir():
                yield _file(name)
            elif "**" not in path:
                yield from _of_folder(name)
    else:
        yield _file(path, is_named=True)


def _file(path: str, *, is_named: bool = False) -> Place:
    return Place(path, functools.partial(open, path, "rb"), is_named)


def _of_folder(path: str) -> Iterator[Place]:
    """Find all files below a folder, but for hidden ones (`.name`) and sidecars."""
    errors: list[OSError] = []
    for folder, below, names in os.walk(path, onerror=errors.append):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for error in errors:
            yield Place(str(error.filename), functools.partial(_raise, error))
        errors.clear()
        for name in sorted(names):
            if _is_sidecar(name, names):
                continue
            file = Path(folder, name)
            if not name.startswith(".") and (file.is_file() or not file.exists()):
                yield _file(str(file))
    for error in errors:
        yield Place(str(error.filename), functools.partial(_raise, error))


def _is_sidecar(name: str, names: list[str]) -> bool:
    """Whether a file has the times of another one, which `chunkview record` wrote."""
    return name.endswith(".times") and name.removesuffix(".times") in names


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
    for name in found:
        yield Place(system.unstrip_protocol(name), functools.partial(system.open, name, "rb"))
