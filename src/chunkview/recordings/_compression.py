"""Compressed files and bodies: gzip and zstd, and what HTTP calls deflate.

A few kilobytes may decompress to gigabytes, so the decompressors get little at a time.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..errors import DecodeError

__all__ = ["GZIP", "ZSTD", "compression_of", "decompressed"]

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

# A block of zstd may repeat one byte 128 KiB times, and takes 4 bytes: this becomes 16 MiB at most.
_SLICE = {"gzip": 16 * 1024, "deflate": 16 * 1024, "zstd": 512}


def compression_of(start: bytes) -> str:
    """Say how a body that begins like this is compressed: "gzip", "zstd" or ""."""
    if start.startswith(GZIP):
        return "gzip"
    return "zstd" if start.startswith(ZSTD) else ""


def decompressed(
    pieces: Iterator[bytes], kind: str, error: Callable[..., DecodeError]
) -> Iterator[bytes]:
    """Decompress. What follows the end of the first part is decompressed as a further part.

    Args:
        pieces: The compressed bytes.
        kind: The compression: "gzip", "zstd" or "deflate".
        error: Makes an error from a problem, and from the number of bytes that came before it.

    Raises:
        DecodeError: The bytes are broken or end early, or a library is missing. What can be
            decompressed is given before.
    """
    given = 0
    try:
        new, failures = _LIBRARIES[kind]()
    except ImportError as missing:
        raise error(str(missing), 0) from missing
    current: Any = None
    magic = {"gzip": GZIP, "zstd": ZSTD}.get(kind, b"")
    for piece in pieces:
        for start in range(0, len(piece), _SLICE[kind]):
            data = piece[start : start + _SLICE[kind]]
            while data:
                if current is None:
                    data = data.lstrip(b"\0") if given else data  # gzip files may be padded
                    if not data:
                        break
                    if given and not data.startswith(magic[: len(data)]):
                        raise error(f"bytes that are no {kind} follow the compressed data", given)
                    current = new()
                # A copy of the state takes a microsecond.
                before = current.copy() if kind == "gzip" else None
                try:
                    out = current.decompress(data)
                except failures as failure:
                    for out in _salvaged(before, data, failures):
                        given += len(out)
                        yield out
                    raise error(f"broken {kind} data: {failure}", given) from failure
                given += len(out)
                if out:
                    yield out
                data = b""
                if current.eof:
                    data, current = current.unused_data, None
    if current is not None:
        raise error(f"the {kind} data ends early", given, truncated=True)


def _salvaged(decompressor: Any, data: bytes, failures: Any) -> Iterator[bytes]:
    """Decompress up to the byte that is broken: zlib itself gives nothing of a broken piece.

    Args:
        decompressor: The state of zlib before the piece; None of another library.
        data: The piece.
        failures: What zlib raises.
    """
    if decompressor is None:
        return
    with suppress(failures):
        for at in range(len(data)):
            if out := decompressor.decompress(data[at : at + 1]):
                yield out


def _gzip() -> tuple[Callable[[], Any], Any]:
    return lambda: zlib.decompressobj(wbits=31), zlib.error


def _deflate() -> tuple[Callable[[], Any], Any]:
    return _Deflate, zlib.error


class _Deflate:
    """HTTP's deflate: with the header of zlib, or without, as some servers send it."""

    def __init__(self) -> None:
        self._zlib: Any = None

    def decompress(self, data: bytes) -> bytes:
        if self._zlib is None:
            # The header of zlib is 0x78 with every usual window.
            self._zlib = zlib.decompressobj(wbits=15 if data[:1] == b"\x78" else -15)
        out: bytes = self._zlib.decompress(data)
        return out

    @property
    def eof(self) -> bool:
        return bool(self._zlib is not None and self._zlib.eof)

    @property
    def unused_data(self) -> bytes:
        data: bytes = self._zlib.unused_data
        return data


def _zstd() -> tuple[Callable[[], Any], Any]:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        return zstd.ZstdDecompressor, zstd.ZstdError
    try:
        import zstandard
    except ImportError:
        raise ImportError(
            "it is compressed with zstd: pip install 'chunkview[zstd]' (or Python 3.14)"
        ) from None
    return lambda: zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError


_LIBRARIES: dict[str, Callable[[], tuple[Callable[[], Any], Any]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
"""For each compression: what makes a decompressor, and what that raises."""
