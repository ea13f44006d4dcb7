"""Starting and closing the replay server, clients that hang up, and failures of the server."""

from __future__ import annotations

import errno
import http.client
import socket
import struct
import sys
import threading
from contextlib import suppress

import pytest

from chunkview.testing import ApiError, ReplayServer
from testing.clients import (
    FOREVER,
    OVERLOADED,
    TEXT,
    ask,
    chunks_of,
    exchange,
    http_connection,
    http_request,
)


def hang_up(connection: socket.socket) -> None:
    """Close `connection` at once and discard unsent data."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_client_that_hangs_up_in_mid_stream_causes_no_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with ReplayServer([b"x" * 10_000_000, TEXT]) as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(http_request())
        assert connection.recv(1) == b"H"
        hang_up(connection)
        assert b"".join(chunks_of(server)) == TEXT
    assert server.errors == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sent", [b"", b"POST /v1/mess", http_request()[:-1]])
def test_a_client_that_hangs_up_in_mid_request_causes_no_error(sent: bytes) -> None:
    with ReplayServer(TEXT) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(sent)
        assert b"".join(chunks_of(server)) == TEXT
    assert (len(server.requests), server.errors) == (1, [])


def test_close_cuts_a_stream_that_waits_between_two_segments() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with http_connection(server) as connection:
        response = ask(connection)
        assert response.read1().startswith(b"event: message_start\n")
        server.close()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_close_cuts_a_stream_whose_client_does_not_read() -> None:
    server = ReplayServer(b"x" * 50_000_000, segment_size=50_000_000).start()
    with http_connection(server) as connection:
        response = ask(connection)
        server.close()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


def test_close_cuts_an_idle_connection() -> None:
    server = ReplayServer(TEXT).start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(http_request(headers="accept: */*"))
        with connection.makefile("rb") as file:
            while file.readline() != b"0\r\n":
                pass
            server.close()
            assert file.read() == b"\r\n"


def test_close_ends_every_thread_and_frees_the_port() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with http_connection(server) as one, http_connection(server) as other:
        ask(one).read1()
        ask(other).read1()
        server.close()
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith("chunkview-replay")]
        with pytest.raises(ConnectionRefusedError):
            exchange(server, http_request())
        with ReplayServer(TEXT, port=server.port) as next_server:
            assert next_server.port == server.port
            assert b"".join(chunks_of(next_server)) == TEXT


def test_start_and_close_may_be_called_twice() -> None:
    server = ReplayServer(TEXT)
    server.close()
    assert server.start() is server
    port = server.port
    with server:
        assert server.port == port
        assert server.url == f"http://127.0.0.1:{port}"
        assert b"".join(chunks_of(server)) == TEXT
    server.close()
    assert server.port == port


def test_a_closed_server_cannot_be_started_again() -> None:
    with ReplayServer(TEXT) as server:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        server.start()


def test_there_is_no_url_before_the_start() -> None:
    server = ReplayServer(TEXT)
    with pytest.raises(RuntimeError, match="start"):
        _ = server.url


def test_a_port_that_is_taken_is_an_error() -> None:
    with ReplayServer(TEXT) as server, pytest.raises(OSError, match="in use"):
        ReplayServer(TEXT, port=server.port).start()


def unspeakable() -> ApiError:
    """Make a reply that the server cannot send: no header holds a euro sign."""
    headers = {"price": "1"}
    error = ApiError(400, OVERLOADED, headers=headers)
    headers["price"] = "1 €"
    return error


def test_close_raises_a_failure_of_the_server_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = ReplayServer([unspeakable(), TEXT]).start()
    assert exchange(server, http_request()) == (b"", b"")
    assert b"".join(chunks_of(server)) == TEXT
    with pytest.raises(UnicodeEncodeError):
        server.close()
    assert [type(error) for error in server.errors] == [UnicodeEncodeError]
    assert capfd.readouterr() == ("", "")
    server.close()


def test_a_failure_of_the_server_does_not_hide_an_exception_of_the_block() -> None:
    server = ReplayServer(unspeakable())

    def fail() -> None:
        with server:
            exchange(server, http_request())
            raise KeyError

    with pytest.raises(KeyError) as caught:
        fail()
    assert [type(error) for error in server.errors] == [UnicodeEncodeError]
    if sys.version_info >= (3, 11):
        assert "UnicodeEncodeError" in caught.value.__notes__[0]


def test_close_raises_the_error_of_a_listener_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: socket.socket) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(socket.socket, "accept", fail)
    server = ReplayServer(TEXT).start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
    with pytest.raises(OSError, match="descriptor"):
        server.close()
