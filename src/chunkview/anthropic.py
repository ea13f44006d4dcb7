"""`anthropic_call` and `prompt_template`: decorators that turn a prompt function into a call.

They need the `anthropic` SDK (extra `sdk`). The core never imports it.
"""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, Union, overload

from ._chunks import sdk_event_dict
from ._model import Message
from ._stream import AnthropicStream

try:
    import anthropic as sdk
except ImportError as _error:
    raise ImportError(
        "chunkview.anthropic needs the official client: pip install 'chunkview[sdk]'"
    ) from _error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

__all__ = ["DEFAULT_MAX_TOKENS", "Prompt", "anthropic_call", "prompt_template"]

P = ParamSpec("P")

DEFAULT_MAX_TOKENS = 4096
"""The default `max_tokens` of a call: the most that every current model can do."""

Prompt = Union[str, "Sequence[Mapping[str, Any]]", Mapping[str, Any]]
"""The result of a prompt function: the user's text, a list of message params, or a mapping with
`messages` and other fields of the request, which override those of the decorator."""


class _StreamCall(Protocol):
    """Turns a prompt function into a call that streams."""

    @overload
    def __call__(
        self, prompt: Callable[P, Awaitable[Prompt]]
    ) -> Callable[P, Awaitable[AnthropicStream]]: ...
    @overload
    def __call__(self, prompt: Callable[P, Prompt]) -> Callable[P, AnthropicStream]: ...


class _MessageCall(Protocol):
    """Turns a prompt function into a call that returns the whole message."""

    @overload
    def __call__(
        self, prompt: Callable[P, Awaitable[Prompt]]
    ) -> Callable[P, Awaitable[Message]]: ...
    @overload
    def __call__(self, prompt: Callable[P, Prompt]) -> Callable[P, Message]: ...


@overload
def anthropic_call(
    model: str,
    *,
    stream: Literal[True],
    client: Any = None,
    tools: Iterable[Any] | None = None,
    **call_params: Any,
) -> _StreamCall: ...
@overload
def anthropic_call(
    model: str,
    *,
    stream: Literal[False] = False,
    client: Any = None,
    tools: Iterable[Any] | None = None,
    **call_params: Any,
) -> _MessageCall: ...
def anthropic_call(
    model: str,
    *,
    stream: bool = False,
    client: Any = None,
    tools: Iterable[Any] | None = None,
    **call_params: Any,
) -> Any:
    """Turn a function that returns a prompt into a call of the Messages API.

    Example:
        ```python
        @anthropic_call("claude-3-5-sonnet-20240620", stream=True)
        def recommend_book(genre: str) -> str:
            return f"Recommend a {genre} book"


        for chunk, _ in recommend_book("fantasy"):
            print(chunk.content, end="", flush=True)
        ```

    Args:
        model: The model's name.
        stream: Whether the call returns an AnthropicStream instead of a Message.
        client: The client to call with: `anthropic.Anthropic` for a plain function,
            `anthropic.AsyncAnthropic` for an `async` one (or the Bedrock and Vertex clients).
            By default each call makes its own from the environment, and closes it with the
            stream.
        tools: Tool params for the request, in the API's format.
        **call_params: Further fields of the request (`system`, `stop_sequences`, …). `max_tokens`,
            in tokens, is `DEFAULT_MAX_TOKENS` by default. With `betas`, the call goes to the beta
            API.

    Returns:
        A decorator. The decorated function takes the same arguments and returns an
        AnthropicStream or a Message; an `async` function returns an awaitable of it.

    Raises:
        TypeError: By the call: the function did not return a prompt, or only one of the function
            and the client is async.

    The SDK's exceptions (`anthropic.APIError` and its subclasses) pass through unchanged.
    """
    fields: dict[str, Any] = {"model": model, "max_tokens": DEFAULT_MAX_TOKENS, **call_params}
    if tools is not None:
        fields["tools"] = list(tools)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> AnthropicStream | Message:
                request = {**fields, **_request(function, await function(*args, **kwargs))}
                caller = client or sdk.AsyncAnthropic()
                handed_over = client is not None
                try:
                    answer = _endpoint(caller, request)(**request, stream=stream)
                    if not inspect.isawaitable(answer):
                        _close(answer)
                        raise TypeError(f"{_name(function)} is async: give it an async client")
                    answer = await answer
                    if not stream:
                        return Message.from_dict(sdk_event_dict(answer))
                    handed_over = True
                    return AnthropicStream(answer if client else _AsyncOwned(answer, caller))
                finally:
                    if not handed_over:
                        await caller.close()

            return call_async

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> AnthropicStream | Message:
            request = {**fields, **_request(function, function(*args, **kwargs))}
            caller = client or sdk.Anthropic()
            handed_over = client is not None
            try:
                answer = _endpoint(caller, request)(**request, stream=stream)
                if inspect.iscoroutine(answer):
                    _close(answer)
                    raise TypeError(f"{_name(function)} is not async: give it a client that is not")
                if not stream:
                    return Message.from_dict(sdk_event_dict(answer))
                handed_over = True
                return AnthropicStream(answer if client else _Owned(answer, caller))
            finally:
                if not handed_over:
                    caller.close()

        return call

    return decorate


def _endpoint(client: Any, request: Mapping[str, Any]) -> Callable[..., Any]:
    messages = client.beta.messages if "betas" in request else client.messages
    create: Callable[..., Any] = messages.create
    return create


def _close(answer: Any) -> None:
    """Close the answer of a client of the wrong kind: a coroutine or a stream."""
    close = getattr(answer, "close", None)
    if close is not None:
        close()


class _Owned:
    """A stream of the SDK and the client that was made for it, which are closed together."""

    def __init__(self, stream: Any, client: Any) -> None:
        self._stream = stream
        self._client = client

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._client.close()


class _AsyncOwned:
    """The same for an asynchronous client."""

    def __init__(self, stream: Any, client: Any) -> None:
        self._stream = stream
        self._client = client

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self._stream:
                yield event
        finally:
            await self.close()

    async def close(self) -> None:
        try:
            await self._stream.close()
        finally:
            await self._client.close()


def _request(function: Callable[..., Any], prompt: Any) -> dict[str, Any]:
    """The fields of the request for a prompt."""
    if isinstance(prompt, str):
        return {"messages": [{"role": "user", "content": prompt}]}
    if isinstance(prompt, Mapping):
        if "messages" in prompt:
            return {**prompt, **_request(function, prompt["messages"])}
    elif isinstance(prompt, (list, tuple)) and all(isinstance(item, Mapping) for item in prompt):
        return {"messages": list(prompt)}
    raise TypeError(
        f"{_name(function)} returned {_described(prompt)}; a prompt is a str, a list of message "
        "params, or a mapping with `messages` and other fields of the request"
    )


def _described(prompt: Any) -> str:
    if isinstance(prompt, Mapping):
        return "a mapping without `messages`"
    return f"a {type(prompt).__name__}" if prompt is not None else "None"


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


class _TemplateDecorator(Protocol):
    """Turns a function with the parameters of a template into a prompt function."""

    @overload
    def __call__(
        self, function: Callable[P, Awaitable[Mapping[str, Any] | None]]
    ) -> Callable[P, Awaitable[Prompt]]: ...
    @overload
    def __call__(self, function: Callable[P, Mapping[str, Any] | None]) -> Callable[P, Prompt]: ...


def prompt_template(template: str) -> _TemplateDecorator:
    """Fill a template with a call's arguments. Apply it below `anthropic_call`.

    Example:
        ```python
        @anthropic_call("claude-3-5-sonnet-20240620", stream=True)
        @prompt_template("Recommend a {genre} book")
        def recommend_book(genre: str): ...
        ```

    Args:
        template: The text, in the syntax of `str.format`, with the function's parameters as
            names. Common indentation and surrounding blank lines are removed. A line that begins
            with `SYSTEM:`, `USER:` or `ASSISTANT:` begins a message of that role. The text of an
            argument never begins a message.

    Returns:
        A decorator. The function may return None, or a mapping of further fields of the request.
        Its key `computed_fields` is a mapping of further names for the template.

    Raises:
        TypeError: By the call: the function returned something else.
        KeyError: By the call: the template names something that is neither a parameter nor a
            computed field.
    """
    text = textwrap.dedent(template).strip()

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        def fill(args: Any, kwargs: Any, returned: Any) -> dict[str, Any]:
            if returned is not None and not isinstance(returned, Mapping):
                raise TypeError(
                    f"{_name(function)} returned a {type(returned).__name__}; under "
                    "prompt_template a function returns None or a mapping of request fields"
                )
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            fields = dict(returned or {})
            names = {**bound.arguments, **fields.pop("computed_fields", {})}
            try:
                return {**_messages(text, names), **fields}
            except KeyError as error:
                raise KeyError(
                    f"the template names {error.args[0]!r}, which is neither a parameter of "
                    f"{_name(function)} nor a computed field"
                ) from None

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def prompt_async(*args: Any, **kwargs: Any) -> dict[str, Any]:
                return fill(args, kwargs, await function(*args, **kwargs))

            return prompt_async

        @functools.wraps(function)
        def prompt(*args: Any, **kwargs: Any) -> dict[str, Any]:
            return fill(args, kwargs, function(*args, **kwargs))

        return prompt

    return decorate


_ROLE = re.compile(r"^(SYSTEM|USER|ASSISTANT):[ \t]*\n?", re.MULTILINE)


def _messages(template: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Fill a template, role by role."""
    first, *sections = _ROLE.split(template)
    request: dict[str, Any] = {"messages": []}
    if first.strip() or not sections:
        request["messages"].append({"role": "user", "content": first.strip().format_map(names)})
    for role, section in zip(sections[::2], sections[1::2], strict=True):
        content = section.strip().format_map(names)
        if role == "SYSTEM":
            request["system"] = content
        else:
            request["messages"].append({"role": role.lower(), "content": content})
    return request
