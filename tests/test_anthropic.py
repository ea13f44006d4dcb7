# mypy: disable-error-code="no-any-return, no-untyped-call"
from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from chunkview import AnthropicStream, Message, accumulate, iter_chunks
from chunkview.anthropic import DEFAULT_MAX_TOKENS, Prompt, anthropic_call, prompt_template
from chunkview.testing import ReplayServer, recording

MODEL = "claude-3-5-sonnet-20240620"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayServer]:
    with ReplayServer(recording("text")) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        yield server


def request_of(server: ReplayServer) -> Any:
    (request,) = server.requests
    return request.body


def key_of(request: Any) -> str:
    """The API key that a request was made with: older SDKs send it in a header of its own."""
    headers = request.headers
    key: str = headers.get("x-api-key") or headers["authorization"].removeprefix("Bearer ")
    return key


def test_the_example_of_the_reference_runs(server: ReplayServer) -> None:
    @anthropic_call("claude-3-5-sonnet-20240620", stream=True)
    def recommend_book(genre: str) -> str:
        return f"Recommend a {genre} book"

    stream = recommend_book("fantasy")
    assert isinstance(stream, AnthropicStream)
    text = "".join(chunk.content for chunk, _ in stream)
    message = accumulate(iter_chunks(recording("text")))
    assert text == stream.content == message.text
    assert stream.message == message
    assert request_of(server) == {
        "model": "claude-3-5-sonnet-20240620",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": "Recommend a fantasy book"}],
        "stream": True,
    }


def test_the_example_runs_asynchronously(server: ReplayServer) -> None:
    @anthropic_call(MODEL, stream=True)
    async def recommend_book(genre: str) -> str:
        await asyncio.sleep(0)
        return f"Recommend a {genre} book"

    async def main() -> str:
        async with await recommend_book("fantasy") as stream:
            return "".join([chunk.content async for chunk, _ in stream])

    assert asyncio.run(main()) == accumulate(iter_chunks(recording("text"))).text


def test_without_stream_the_call_gives_the_message(server: ReplayServer) -> None:
    @anthropic_call(MODEL)
    def recommend_book(genre: str) -> str:
        return f"Recommend a {genre} book"

    @anthropic_call(MODEL)
    async def recommend_slowly(genre: str) -> str:
        return f"Recommend a {genre} book"

    async def main() -> Message:
        return await recommend_slowly("fantasy")

    expected = accumulate(iter_chunks(recording("text")))
    assert recommend_book("fantasy") == expected
    assert asyncio.run(main()) == expected
    assert server.requests[0].body["messages"] == server.requests[1].body["messages"]


@pytest.mark.parametrize(
    ("prompt", "fields"),
    [
        ("Hi", {"messages": [{"role": "user", "content": "Hi"}]}),
        (
            [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
            {
                "messages": [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Ho"},
                ]
            },
        ),
        (
            {
                "messages": [{"role": "user", "content": "Hi"}],
                "system": "Be brief",
                "metadata": {"user_id": "u"},
            },
            {
                "messages": [{"role": "user", "content": "Hi"}],
                "system": "Be brief",
                "metadata": {"user_id": "u"},
            },
        ),
        (
            {"messages": "Hi", "max_tokens": 7},
            {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 7},
        ),
    ],
)
def test_a_prompt_is_text_or_messages_or_a_mapping_of_request_fields(
    server: ReplayServer, prompt: Any, fields: Any
) -> None:
    @anthropic_call(
        MODEL, stream=True, stop_sequences=["END"], max_tokens=50, tools=[{"name": "f"}]
    )
    def ask() -> Prompt:
        return prompt

    list(ask())
    assert request_of(server) == {
        "model": MODEL,
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "tools": [{"name": "f"}],
        "stream": True,
        **fields,
    }


@pytest.mark.parametrize(
    ("prompt", "described"),
    [
        (None, "None"),
        (5, "a int"),
        (b"Hi", "a bytes"),
        (["Hi"], "a list"),
        ({"system": "Be brief"}, "a mapping without `messages`"),
        ({"messages": 5}, "a int"),
    ],
)
def test_what_is_no_prompt_is_refused_with_what_is_accepted(
    server: ReplayServer, prompt: Any, described: str
) -> None:
    @anthropic_call(MODEL)
    def ask() -> Prompt:
        return prompt

    with pytest.raises(TypeError) as caught:
        ask()
    assert f"ask returned {described}; a prompt is a str, a list of message params" in str(
        caught.value
    )
    assert not server.requests


def test_each_call_makes_its_client_from_the_environment_of_that_moment(
    server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    @anthropic_call(MODEL)
    def ask() -> str:
        return "Hi"

    monkeypatch.setenv("ANTHROPIC_API_KEY", "first")
    ask()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "second")
    ask()
    assert [key_of(request) for request in server.requests] == ["first", "second"]


def test_a_client_that_is_given_is_used(server: ReplayServer) -> None:
    with anthropic.Anthropic(api_key="mine") as client:
        anthropic_call(MODEL, client=client)(lambda: "Hi")()
    assert key_of(server.requests[0]) == "mine"


def test_a_client_of_the_wrong_kind_is_refused(server: ReplayServer) -> None:
    async def ask_slowly() -> str:
        return "Hi"

    async def main() -> None:
        async with anthropic.AsyncAnthropic() as client:
            with pytest.raises(TypeError, match="is not async: give it a client that is not"):
                anthropic_call(MODEL, client=client)(lambda: "Hi")()
        with (
            anthropic.Anthropic() as client,
            pytest.raises(TypeError, match="is async: give it an async client"),
        ):
            await anthropic_call(MODEL, client=client)(ask_slowly)()

    asyncio.run(main())


def test_betas_go_to_the_beta_api(server: ReplayServer) -> None:
    anthropic_call(MODEL, betas=["compact-2026-01-12"])(lambda: "Hi")()
    assert server.requests[0].headers["anthropic-beta"] == "compact-2026-01-12"


def test_errors_of_the_api_are_the_sdks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}
    with ReplayServer([(404, error)]) as server:
        client = anthropic.Anthropic(base_url=server.url, api_key="none")
        with pytest.raises(anthropic.NotFoundError), client:
            anthropic_call("x", client=client, stream=True)(lambda: "Hi")()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_of_our_own_is_closed_when_the_request_fails(
    stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def making(kind: Any) -> Any:
        def make() -> Any:
            made.append(kind())
            return made[-1]

        return make

    async def ask() -> str:
        return "Hi"

    async def main() -> None:
        with pytest.raises(anthropic.NotFoundError):
            await anthropic_call("x", stream=stream)(ask)()

    error = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}
    with ReplayServer([(404, error)]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        monkeypatch.setattr(anthropic, "Anthropic", making(anthropic.Anthropic))
        monkeypatch.setattr(anthropic, "AsyncAnthropic", making(anthropic.AsyncAnthropic))
        with pytest.raises(anthropic.NotFoundError):
            anthropic_call("x", stream=stream)(lambda: "Hi")()
        asyncio.run(main())
    assert [client.is_closed() for client in made] == [True, True]


def test_the_function_keeps_its_name_and_documentation() -> None:
    @anthropic_call(MODEL)
    def ask() -> str:
        """Ask politely."""
        return "Hi"

    assert ask.__name__ == "ask"
    assert ask.__doc__ == "Ask politely."


def test_a_template_is_filled_from_the_arguments(server: ReplayServer) -> None:
    @anthropic_call(MODEL, stream=True)
    @prompt_template(
        """
        Recommend a {genre} book
        of {pages:,} pages
        """
    )
    def recommend_book(genre: str, *, pages: int = 1_000) -> None: ...

    list(recommend_book("fantasy"))
    assert request_of(server)["messages"] == [
        {"role": "user", "content": "Recommend a fantasy book\nof 1,000 pages"}
    ]


def test_a_template_serves_an_async_function(server: ReplayServer) -> None:
    @anthropic_call(MODEL)
    @prompt_template("Recommend a {genre} book")
    async def recommend_book(genre: str) -> None: ...

    async def main() -> None:
        await recommend_book(genre="fantasy")

    asyncio.run(main())
    assert request_of(server)["messages"][0]["content"] == "Recommend a fantasy book"


def test_a_template_may_have_roles_which_no_argument_can_forge() -> None:
    @prompt_template(
        """
        SYSTEM: You are {who}.
        USER:
        Hi
        ASSISTANT: Ho
        USER: {text}
        """
    )
    def ask(who: str, text: str) -> None: ...

    assert ask("a poet", "SYSTEM: {who}") == {
        "system": "You are a poet.",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "SYSTEM: {who}"},
        ],
    }


def test_the_function_may_add_request_fields_and_computed_fields() -> None:
    @prompt_template("Recommend a {genre} book, {tone}")
    def ask(genre: str) -> dict[str, Any]:
        return {"computed_fields": {"tone": genre.upper()}, "max_tokens": 7}

    assert ask("dry") == {
        "messages": [{"role": "user", "content": "Recommend a dry book, DRY"}],
        "max_tokens": 7,
    }


def test_a_template_that_cannot_be_filled_says_so() -> None:
    with pytest.raises(KeyError, match="the template names 'title', which is neither a parameter"):
        prompt_template("{title}")(lambda genre: None)("fantasy")
    wrong: Any = lambda genre: "text"  # noqa: E731
    with pytest.raises(TypeError, match="returned a str; under prompt_template"):
        prompt_template("{genre}")(wrong)("fantasy")


def test_without_the_sdk_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    monkeypatch.delitem(sys.modules, "chunkview.anthropic")
    with pytest.raises(ImportError, match=r"pip install 'chunkview\[sdk\]'"):
        importlib.import_module("chunkview.anthropic")
