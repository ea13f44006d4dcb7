"""The faults of the replay server, and what clients see of them."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import anthropic
import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import accumulate
from chunkview.testing import (
    Answer,
    ApiError,
    CutAfter,
    ErrorAfter,
    ReplayServer,
    ResetAfter,
    StallAfter,
    Trickle,
)
from chunkview.testing.replay._replies import json_bytes
from testing.clients import (
    FOREVER,
    MESSAGES,
    MODEL,
    TEXT,
    ask,
    exchange,
    http_chunks,
    http_connection,
    http_request,
    sync_client,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chunkview.testing import Fault

EVENTS = [event + b"\n\n" for event in TEXT.split(b"\n\n")[:-1]]
TWO_AND_A_HALF = EVENTS[0] + EVENTS[1] + EVENTS[2][: len(EVENTS[2]) // 2]


def read_raw(server: ReplayServer, request: bytes = http_request()) -> tuple[bytes, str]:
    """Give everything that a socket receives, and how it ended: "end" or "reset"."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, "reset"
    return received, "end"


def body_so_far(received: bytes) -> bytes:
    """The bytes in the chunks of an answer that may break off between two of them."""
    chunked = received.partition(b"\r\n\r\n")[2]
    return b"".join(http_chunks(chunked + b"0\r\n\r\n"))


PLACES = st.one_of(
    st.integers(1, len(TEXT) + 100).map(lambda size: ({"size": size}, min(size, len(TEXT)))),
    st.integers(1, len(EVENTS) + 3).map(
        lambda events: ({"events": events}, len(b"".join(EVENTS[:events])))
    ),
)
SIZES = st.none() | st.lists(st.integers(1, 5000), min_size=1, max_size=3)


@given(place=PLACES, sizes=SIZES)
@example(place=({"size": len(TEXT) + 1}, len(TEXT)), sizes=None)
@example(place=({"events": len(EVENTS) + 1}, len(TEXT)), sizes=[7])
def test_a_cut_answer_has_exactly_the_bytes_before_the_cut_and_no_end(
    place: tuple[dict[str, Any], int], sizes: list[int] | None
) -> None:
    where, size = place
    with ReplayServer(Answer(TEXT, CutAfter(**where)), segment_size=sizes) as server:
        received, end = read_raw(server)
    assert (body_so_far(received), end) == (TEXT[:size], "end")
    assert server.errors == []


@given(place=PLACES, sizes=SIZES)
def test_a_reset_answer_has_no_byte_beyond_the_place_and_ends_by_a_reset(
    place: tuple[dict[str, Any], int], sizes: list[int] | None
) -> None:
    where, size = place
    with ReplayServer(Answer(TEXT, ResetAfter(**where)), segment_size=sizes) as server:
        received, end = read_raw(server)
    assert TEXT[:size].startswith(body_so_far(received))
    assert end == "reset"
    assert server.errors == []


@given(place=PLACES, sizes=SIZES, fault=st.sampled_from(["stall", "trickle"]))
def test_a_slow_answer_is_whole(
    place: tuple[dict[str, Any], int], sizes: list[int] | None, fault: str
) -> None:
    where, size = place
    slow = StallAfter(**where, seconds=0) if fault == "stall" else Trickle(0, size)
    with ReplayServer(Answer(TEXT, slow), segment_size=sizes) as server:
        received, end = read_raw(server)
    chunked = received.partition(b"\r\n\r\n")[2]
    assert (b"".join(http_chunks(chunked)), end) == (TEXT, "end")


def test_a_number_of_events_with_a_half_ends_within_an_event() -> None:
    with ReplayServer(Answer(TEXT, CutAfter(events=2.5))) as server:
        received, _ = read_raw(server)
    assert body_so_far(received) == TWO_AND_A_HALF


@pytest.mark.parametrize("fault", [CutAfter(0), ResetAfter(events=0)], ids=str)
def test_a_fault_at_0_comes_before_the_status(fault: Fault) -> None:
    with ReplayServer(Answer(TEXT, fault)) as server:
        received, _ = read_raw(server)
    assert received == b""
    assert len(server.requests) == 1


def test_a_fault_between_two_segments_does_not_wait_for_the_second() -> None:
    with ReplayServer(Answer(TEXT, CutAfter(events=1)), delay=FOREVER) as server:
        received, _ = read_raw(server)
    assert body_so_far(received) == EVENTS[0]


def test_a_trickle_sends_small_pieces() -> None:
    with ReplayServer(Answer(b"abcdefgh", Trickle(0.001, size=3)), segment_size=5) as server:
        pieces = list(http_chunks(exchange(server, http_request())[1]))
    assert pieces == [b"abc", b"de", b"fgh"]


def test_a_stall_keeps_the_connection_open_until_the_server_closes() -> None:
    server = ReplayServer(Answer(TEXT, StallAfter(events=2))).start()
    with http_connection(server) as connection:
        response = ask(connection)
        assert response.read(len(EVENTS[0] + EVENTS[1])) == EVENTS[0] + EVENTS[1]
        server.close()
        with pytest.raises(Exception, match="IncompleteRead"):
            response.read()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_counted_at_every_line_ending(end: bytes) -> None:
    body = TEXT.replace(b"\n", end)
    with ReplayServer(Answer(body, CutAfter(events=2))) as server:
        received, _ = read_raw(server)
    assert body_so_far(received) == (EVENTS[0] + EVENTS[1]).replace(b"\n", end)


# -- what clients see ---------------------------------------------------------------------------


def stream_with_httpx(server: ReplayServer, timeout: float = 60.0) -> Iterator[bytes]:
    with (
        httpx.Client(trust_env=False, timeout=timeout) as client,
        client.stream("POST", f"{server.url}/v1/messages", json={"stream": True}) as response,
    ):
        yield from response.iter_raw()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CutAfter(events=2.5), httpx.RemoteProtocolError),
        (CutAfter(0), httpx.RemoteProtocolError),
        (ResetAfter(events=2.5), httpx.ReadError),
        (ResetAfter(0), httpx.ReadError),
        (StallAfter(events=2.5), httpx.ReadTimeout),
        (StallAfter(0), httpx.ReadTimeout),
    ],
    ids=str,
)
def test_httpx_raises_after_what_was_sent(fault: Fault, error: type[Exception]) -> None:
    received: list[bytes] = []
    with ReplayServer(Answer(TEXT, fault)) as server:
        timeout = 0.1 if error is httpx.ReadTimeout else 60.0
        with pytest.raises(error):
            received.extend(stream_with_httpx(server, timeout))
    assert TWO_AND_A_HALF.startswith(b"".join(received))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CutAfter(events=2.5), aiohttp.ClientPayloadError),
        (ResetAfter(events=2.5), aiohttp.ClientError),
        (ResetAfter(0), aiohttp.ClientError),
        (StallAfter(events=2.5), asyncio.TimeoutError),
    ],
    ids=str,
)
def test_aiohttp_raises_after_what_was_sent(fault: Fault, error: type[Exception]) -> None:
    received: list[bytes] = []

    async def read(url: str) -> None:
        timeout = aiohttp.ClientTimeout(sock_read=0.1 if error is asyncio.TimeoutError else 60.0)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{url}/v1/messages", json={"stream": True}) as response,
        ):
            async for piece in response.content.iter_any():
                received.append(piece)

    with ReplayServer(Answer(TEXT, fault)) as server, pytest.raises(error):
        asyncio.run(read(server.url))
    assert TWO_AND_A_HALF.startswith(b"".join(received))


@pytest.mark.parametrize("fault", [CutAfter(events=6.5), ResetAfter(events=6.5)], ids=str)
def test_the_official_client_raises_after_the_text_before_the_fault(fault: Fault) -> None:
    text: list[str] = []
    with (
        ReplayServer(Answer(TEXT, fault)) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        pytest.raises(Exception, match=r"incomplete|reset|Connection"),
    ):
        text.extend(stream.text_stream)
    assert text_of(b"".join(EVENTS[:6])).startswith("".join(text))
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [CutAfter(0), ResetAfter(0)], ids=str)
def test_the_official_client_tries_again_when_nothing_came(fault: Fault) -> None:
    with (
        ReplayServer([Answer(TEXT, fault), TEXT]) as server,
        sync_client(server, max_retries=1) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
    ):
        assert stream.get_final_text() == text_of(TEXT)
    assert len(server.requests) == 2


def read_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream:
        stream.until_done()


def read_events(client: anthropic.Anthropic) -> None:
    for _ in client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES, stream=True):
        pass


def read_asynchronously(client: anthropic.Anthropic) -> None:
    async def read() -> None:
        options: Any = {"max_retries": client.max_retries, "timeout": client.timeout}
        async with (
            anthropic.AsyncAnthropic(base_url=client.base_url, api_key="none", **options) as other,
            other.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        ):
            await stream.until_done()

    asyncio.run(read())


def raised_by(
    read: Callable[[anthropic.Anthropic], None], fault: Fault, **options: Any
) -> tuple[list[str], int]:
    """The classes of the exception that the client raises, and the number of its requests."""
    # Only a fault that stalls should meet the timeout.
    options["timeout"] = 0.5 if isinstance(fault, StallAfter) else FOREVER
    with ReplayServer(Answer(TEXT, fault)) as server, sync_client(server) as client:
        try:
            read(client.with_options(**options))
        except Exception as error:  # noqa: BLE001 - of one of two HTTP clients
            return [base.__name__ for base in type(error).__mro__], len(server.requests)
    raise AssertionError("nothing was raised")


READS = pytest.mark.parametrize("read", [read_stream, read_events, read_asynchronously])


@READS
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (CutAfter(0), "APIConnectionError"),
        (ResetAfter(0), "APIConnectionError"),
        (StallAfter(0), "APITimeoutError"),
        (ErrorAfter(0), "APIStatusError"),
    ],
    ids=str,
)
def test_the_official_client_wraps_what_happens_before_a_stream(
    fault: Fault, name: str, read: Callable[[anthropic.Anthropic], None]
) -> None:
    classes, _ = raised_by(read, fault, max_retries=0)
    assert classes[0] == name
    assert "APIError" in classes


@READS
@pytest.mark.parametrize(
    ("fault", "name", "base"),
    [
        (CutAfter(1000), "RemoteProtocolError", "TransportError"),
        (CutAfter(10**6), "RemoteProtocolError", "TransportError"),
        (ResetAfter(events=2.5), "ReadError", "TransportError"),
        (StallAfter(events=2), "ReadTimeout", "TransportError"),
        (ErrorAfter(3), "APIStatusError", "APIError"),
    ],
    ids=str,
)
def test_the_official_client_raises_what_breaks_a_stream_and_does_not_try_again(
    fault: Fault, name: str, base: str, read: Callable[[anthropic.Anthropic], None]
) -> None:
    classes, requests = raised_by(read, fault, max_retries=1)
    assert (classes[0], requests) == (name, 1)
    assert {"APIError", "TransportError"} & set(classes) == {base}


def test_a_stream_of_the_official_client_turns_into_an_error() -> None:
    text: list[str] = []
    fault = ErrorAfter(6, error_type="api_error", message="Internal")
    with (
        ReplayServer(Answer(TEXT, fault)) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        pytest.raises(anthropic.APIStatusError, match="Internal") as caught,
    ):
        text.extend(stream.text_stream)
    assert "".join(text) == text_of(b"".join(EVENTS[:6])) != ""
    assert caught.value.response.status_code == 200


def test_without_a_stream_the_error_has_its_status() -> None:
    with (
        ReplayServer(Answer(TEXT, ErrorAfter(6))) as server,
        sync_client(server) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
    assert caught.value.status_code == 529


@pytest.mark.parametrize(
    "fault", [CutAfter(events=0.5), ResetAfter(events=0.5), CutAfter(100)], ids=str
)
def test_a_message_without_a_stream_breaks_off_too(fault: CutAfter | ResetAfter) -> None:
    with ReplayServer(Answer(TEXT, fault)) as server:
        received, end = read_raw(server, http_request(b"{}"))
    head, _, body = received.partition(b"\r\n\r\n")
    whole = json_bytes(accumulate(TEXT).to_dict())
    assert f"content-length: {len(whole)}\r\n".encode() in head + b"\r\n"
    if isinstance(fault, ResetAfter):
        assert end == "reset"
    else:
        size = 100 if fault.size else len(whole) // 2
        assert (body, end) == (whole[:size], "end")


def test_a_stream_and_a_message_have_the_headers_of_their_answer() -> None:
    headers = {"Anthropic-RateLimit-Requests-Remaining": "7", "Request-Id": "req_mine"}
    with ReplayServer(Answer(TEXT, headers=headers)) as server:
        with http_connection(server) as connection:
            for payload in ({"stream": True}, {"model": MODEL}):
                response = ask(connection, payload)
                assert response.headers["anthropic-ratelimit-requests-remaining"] == "7"
                assert response.headers.get_all("request-id") == ["req_mine"]
                kind = "text/event-stream" if "stream" in payload else "application/json"
                assert response.headers["content-type"].startswith(kind)
                assert response.read()


# -- values that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: CutAfter(),
        lambda: CutAfter(1, events=1),
        lambda: CutAfter(-1),
        lambda: ResetAfter(events=float("nan")),
        lambda: ResetAfter(events=float("inf")),
        lambda: StallAfter(1, seconds=-1),
        lambda: StallAfter(1, seconds=float("inf")),
        lambda: Trickle(-1),
        lambda: Trickle(1, 0),
        lambda: ErrorAfter(-1),
        lambda: Answer(b"", headers={"a": "b\r\nc: d"}),
    ],
)
def test_a_fault_that_cannot_happen_is_refused_at_once(make: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|must be|headers"):
        make()


swapped: Any = (CutAfter(10), TEXT)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda value: Answer(value), "body: expected bytes, got str; recording(name) gives "),
        (
            lambda _: Answer(*swapped),
            "body: expected bytes, got CutAfter; wrap it: Answer(body, CutAfter(",
        ),
        (
            lambda value: Answer(TEXT, value),
            "fault: expected a fault such as CutAfter(1000), got '10'",
        ),
        (lambda value: Trickle(value), "seconds: expected seconds, 0 or more, got '10'"),
        (lambda value: Trickle(1, value), "size: expected a number of bytes, got '10'"),
        (lambda value: CutAfter(value), "size: expected a number of bytes, got '10'"),
        (lambda value: ResetAfter(events=value), "events: expected a number of events, got '10'"),
        (lambda value: StallAfter(1, seconds=value), "seconds: expected seconds, 0 or more, got"),
        (lambda value: ErrorAfter(value), "events: expected a number of events, got '10'"),
        (lambda value: ApiError(value, {}), "status: expected a status, got '10'"),
        (lambda value: ApiError(529, value), "body: expected a JSON object, got '10'"),
    ],
)
def test_a_fault_of_another_type_is_refused_at_once(make: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        make("10")


def test_faults_are_values() -> None:
    assert len({ResetAfter(events=2.5), ResetAfter(events=2.5), CutAfter(events=2.5)}) == 2
    assert len({Answer(TEXT, CutAfter(1)), Answer(TEXT, CutAfter(1))}) == 1
    assert repr(Answer(TEXT, CutAfter(1))) == (
        "Answer(fault=CutAfter(size=1, events=None), headers={})"
    )
