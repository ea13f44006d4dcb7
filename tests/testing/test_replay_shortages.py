"""The replay server when memory, threads or file descriptors run short."""

from __future__ import annotations

import errno
import json
import selectors
import socket
import subprocess
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from chunkview.testing import ReplayServer
from chunkview.testing.replay import _handler, _server
from testing.clients import (
    CHUNKED,
    FOREVER,
    HEAD,
    TEXT,
    ask,
    chunks_of,
    exchange,
    exchange_to_the_end,
    http_connection,
    http_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def peak_of(action: Callable[[], object]) -> int:
    """The peak of Python's memory during `action`, in bytes, on all threads."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_request_body_takes_memory_for_the_bytes_sent_not_for_the_size_announced() -> None:
    with ReplayServer(TEXT) as server:
        announced = HEAD + b"content-length: 33554432\r\n\r\n{"
        assert peak_of(lambda: exchange_to_the_end(server, announced)) < 500_000
        announced = CHUNKED + b"2000000\r\n{"
        assert peak_of(lambda: exchange_to_the_end(server, announced)) < 500_000


def test_a_body_in_small_chunks_takes_no_more_memory_than_in_one() -> None:
    size = 400_000
    sent = CHUNKED + b"2\r\n  \r\n" * (size // 2) + b"0\r\n\r\n"
    with ReplayServer(TEXT) as server:
        assert peak_of(lambda: exchange_to_the_end(server, sent)) < 4 * size


def test_a_request_that_exhausts_memory_is_refused_and_the_next_one_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: bytearray) -> None:
        raise MemoryError

    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(_handler, "json_object", fail)
            response = ask(connection)
            assert response.status == 500
            assert json.load(response)["error"]["type"] == "api_error"
        assert ask(connection).read() == TEXT


def test_an_answer_that_exhausts_memory_is_dropped_and_the_next_one_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> bytes:
        raise MemoryError

    with ReplayServer(TEXT) as server:
        with monkeypatch.context() as patch:
            patch.setattr(_handler, "json_bytes", fail)
            assert exchange(server, http_request(b"[]")) == (b"", b"")
        assert b"".join(chunks_of(server)) == TEXT


PASSING = [
    *(OSError(getattr(errno, name), name) for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM")),
    *(OSError(getattr(errno, name), name) for name in ("EPROTO", "EPERM", "ENETDOWN")),
    *(ConnectionAbortedError(), MemoryError()),
]


@pytest.mark.parametrize("shortage", PASSING, ids=repr)
def test_the_server_goes_on_after_a_shortage(
    monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    accept = socket.socket.accept
    failures = iter([shortage] * 3)

    def accept_when_there_is_room(listener: socket.socket) -> tuple[socket.socket, Any]:
        for error in failures:
            raise error
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept_when_there_is_room)
    with ReplayServer(TEXT) as server:
        assert b"".join(chunks_of(server)) == TEXT
    assert next(failures, None) is None
    assert server.errors == []


def test_in_a_shortage_the_server_does_not_spin_and_close_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = threading.Semaphore(0)

    def fail(_: socket.socket) -> None:
        tried.release()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", fail)
    monkeypatch.setattr(_server, "_SHORTAGE_PAUSE", FOREVER)
    with ReplayServer(TEXT) as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            tried.acquire()
    assert not tried.acquire(blocking=False)


def test_a_client_is_served_when_file_descriptors_are_free_again() -> None:
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_NOFILE
    code = """if True:
        import os, resource, socket, sys
        from chunkview.testing import ReplayServer, recording

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        with ReplayServer(recording("text")) as server:
            client, held = socket.socket(), []
            pause = server._playback.closing.wait
            def waiting(seconds):
                while held:
                    os.close(held.pop())
                return pause(seconds)
            server._playback.closing.wait = waiting
            try:
                while True:
                    held.append(os.dup(1))
            except OSError:
                pass
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            print(client.recv(12), held)
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("b'HTTP/1.1 404' []\n", "")


def no_thread_called(name: str) -> Callable[[threading.Thread], None]:
    """Make a `Thread.start` that fails for threads of one name, like at the limit of a machine."""
    start = threading.Thread.start

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    return start_if_there_is_room


def test_without_a_free_thread_a_client_is_dropped_and_the_next_one_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ReplayServer(TEXT) as server:
        with monkeypatch.context() as patch:
            patch.setattr(
                threading.Thread, "start", no_thread_called("chunkview-replay-connection")
            )
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                assert connection.recv(1) == b""
        assert b"".join(chunks_of(server)) == TEXT
    assert server.errors == []


def no_descriptor(*_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("owner", "name", "failing"),
    [
        (socket, "socketpair", no_descriptor),
        (selectors, "DefaultSelector", no_descriptor),
        (threading.Thread, "start", no_thread_called("chunkview-replay")),
    ],
)
def test_a_failed_start_leaves_nothing_behind_and_can_be_repeated(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, failing: Callable[..., None]
) -> None:
    server = ReplayServer(TEXT)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises((OSError, RuntimeError)):
            server.start()
    server.close()
    with pytest.raises(RuntimeError, match="start"):
        _ = server.port
    with server:
        assert b"".join(chunks_of(server)) == TEXT
