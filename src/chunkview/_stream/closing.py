"""Close what a stream is read from, also while another thread or task reads it.

Clients hand out bare iterators, and closing these does not always close the connection: the
generator of requests forgets its response, the iterator of aiohttp cannot be closed at all, and a
generator that is running refuses. So the response behind the iterator is looked up, and closed.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

__all__ = ["close_source", "close_source_async", "unblock"]


def close_source(source: Any) -> None:
    """Close a synchronous source and the response behind it, where there is one.

    Args:
        source: A source that nobody is reading at this moment.
    """
    response = _response_of(source)
    for closable in (source, response):
        close = getattr(closable, "close", None)
        if close is None:
            continue
        try:
            close()
        except ValueError:
            # Another thread has just begun to read the generator, and will find it closed.
            if not getattr(closable, "gi_running", False):
                raise


async def close_source_async(source: Any) -> None:
    """Close an asynchronous source and the response behind it, where there is one.

    Args:
        source: A source, which another task may be reading: its next read then fails or ends.
    """
    response = _response_of(source)
    if not getattr(source, "ag_running", False):
        await _aclose(source)
    await _aclose(response)
    if response is None and hasattr(source, "read_func"):
        _close_aiohttp(source)


async def _aclose(closable: Any) -> None:
    close = getattr(closable, "aclose", None) or getattr(closable, "close", None)
    closing: Any = None if close is None else close()
    if hasattr(closing, "__await__"):
        await closing


def unblock(source: Any) -> None:
    """Wake a thread that waits for bytes: shut down the socket that it reads from.

    Closing a socket does not wake a thread that reads it; shutting it down does. The thread then
    closes the source itself. Where no socket can be found, the thread goes on until its next
    bytes.

    Args:
        source: The source that another thread is reading.
    """
    response = _response_of(source) or source
    network = getattr(response, "extensions", None) or {}  # httpx
    stream = network.get("network_stream") if isinstance(network, dict) else None
    found = None if stream is None else stream.get_extra_info("socket")
    if found is not None:
        import socket  # whoever has a socket has loaded the module

        with suppress(OSError):  # the peer has closed it already
            found.shutdown(socket.SHUT_RDWR)
        return
    shutdown = getattr(getattr(response, "raw", response), "shutdown", None)  # urllib3
    if callable(shutdown):
        with suppress(OSError, ValueError, RuntimeError):  # closed already
            shutdown()


def _response_of(source: Any) -> Any:
    """Find the response that an iterator reads from: `self` in its frame, or its attribute."""
    frame = getattr(source, "gi_frame", None) or getattr(source, "ag_frame", None)
    if frame is not None:
        owner = frame.f_locals.get("self")
        return owner if hasattr(owner, "headers") else None
    return getattr(source, "response", None)


def _close_aiohttp(source: Any) -> None:
    """Close the connection of `content.iter_any()`, which has no method for that."""
    reader = getattr(source.read_func, "__self__", None)
    if reader is None or reader.at_eof():
        return
    protocol = getattr(reader, "_protocol", None)
    if protocol is None or not hasattr(protocol, "close"):
        warnings.warn(
            f"{type(source).__name__} cannot be closed: close its response yourself "
            "(`async with session.post(...) as response`)",
            ResourceWarning,
            stacklevel=4,
        )
        return
    protocol.close()
    # The response closes itself when its body ends.
    reader.feed_eof()
