"""Recorded HTTP: cassettes of VCR.py and its relatives, and HAR files.

An exchange counts if its answer is an event stream, frames of AWS, a message, an error of the API,
or the results of a batch. Pages, pictures and other answers are left out.

Sources: https://vcrpy.readthedocs.io (cassettes); https://betamax.readthedocs.io (its JSON, and
that of VCR for Ruby); http://www.softwareishard.com/blog/har-12-spec/ (HAR 1.2).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from .._chunks import is_message
from .._model import loads
from ..errors import DecodeError, kind_of
from ._compression import compression_of, decompressed
from ._due import is_stream_due
from ._recording import Maker
from ._sse import begins_like_sse
from ._when import time_in_headers, time_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._recording import Format, Recording

    ReadBody = Callable[[bytes, Maker], Iterator[Recording]]

__all__ = ["begins_like_cassette", "entries_of", "load_yaml", "read_exchanges"]

_CASSETTE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*|%YAML[^\n]*|---[ \t]*)?\r?\n|--- )*"
    rb"(?:interactions|http_interactions|version|recorded_with|- (?:request|response)) *:",
)


def begins_like_cassette(start: bytes) -> bool:
    """Whether a body begins like a cassette in YAML."""
    return _CASSETTE.match(start) is not None


def load_yaml(text: bytes, maker: Maker) -> Any:
    """Parse a cassette. All values are text, except those marked as `!!binary`.

    Raises:
        RecordingError: It is no YAML, or PyYAML is missing.
    """
    try:
        import yaml
    except ImportError:
        problem = "a cassette in YAML: pip install 'chunkview[yaml]'"
        raise maker.error(problem, 0) from None
    try:
        return yaml.load(text, _loader())  # noqa: S506 - it makes nothing but text and bytes
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}: "
        parts = [getattr(error, name, None) for name in ("context", "problem")]
        said = ": ".join(filter(None, parts)) or str(error) or kind_of(error)
        raise maker.error(f"no YAML: {place}{said}", 0) from None


def _loader() -> Any:
    """Make the class of the loader: with the parser in C if it is there. It is 10 times as fast."""
    import yaml

    base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

    class Loader(base):  # type: ignore[misc, unused-ignore]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            made = super().construct_mapping(node, deep)
            if len(made) < len(node.value):
                # Two cassettes in one file: the second would replace the first.
                problem = "a key comes twice in one mapping"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return made

    Loader.add_constructor(
        "tag:yaml.org,2002:binary", yaml.constructor.SafeConstructor.construct_yaml_binary
    )
    return Loader


def entries_of(value: Any) -> tuple[Format, list[Any]] | None:
    """Give the exchanges of a document; None if it is neither a cassette nor a HAR file."""
    if isinstance(value, dict):
        log = value.get("log")
        if isinstance(log, dict) and isinstance(log.get("entries"), list):
            return "har", log["entries"]
        for key in ("interactions", "http_interactions"):
            if isinstance(value.get(key), list):
                return "cassette", value[key]
    # Before VCR.py 1.0, a cassette was the list alone.
    if isinstance(value, list) and value and isinstance(value[0], dict):
        is_cassette = value[0].keys() >= {"request", "response"}
        return ("cassette", value) if is_cassette else None
    return None


def read_exchanges(
    kind: Format, entries: list[Any], maker: Maker, read_body: ReadBody
) -> Iterator[Recording]:
    """Give the recordings of all exchanges that count.

    Args:
        kind: "cassette" or "har".
        entries: The exchanges.
        maker: Makes the recordings of the file.
        read_body: Gives the recordings of a body.
    """
    for number, entry in enumerate(entries, 1):
        inner = Maker(maker.file, maker.max_bytes, str(number), kind, maker.when)
        try:
            response = entry["response"] if isinstance(entry, dict) else None
            if not isinstance(response, dict):
                raise inner.error(f"exchange {number} has no response", 0)
            inner.is_stream_due = partial(_is_stream_due, entry.get("request"), response)
            headers = _HEADERS[kind](response.get("headers"))
            inner.when = (
                time_read(entry.get(_TIMES[kind])) or time_in_headers(headers) or maker.when
            )
            content_type, body = _ANSWERS[kind](response, inner)
            if body is None or not _counts(content_type, body):
                continue
        except DecodeError as error:
            yield inner.make((), kind, error=error)
        except KeyError:
            yield inner.make((), kind, error=inner.error(f"exchange {number} has no response", 0))
        else:
            yield from read_body(body, inner)
        finally:
            maker.count += inner.count


def _is_stream_due(request: Any, response: dict[str, Any]) -> bool | None:
    """Tell from a request and its answer what `Recording.is_stream_due` says."""
    if not isinstance(request, dict):
        request = {}
    posted = request.get("postData", request.get("body"))
    if isinstance(posted, dict):
        posted = posted.get("text", posted.get("string"))
    status = response.get("status")
    if isinstance(status, dict):
        status = status.get("code")
    url = request.get("url", request.get("uri"))
    return is_stream_due(str(request.get("method", "POST")).upper(), url, posted, status)


def _of_har(response: dict[str, Any], maker: Maker) -> tuple[str, bytes | None]:
    content = response.get("content")
    content = content if isinstance(content, dict) else {}
    headers = _headers_of_har(response.get("headers"))
    kind = str(content.get("mimeType") or headers.get("content-type", ""))
    text = content.get("text")
    if not isinstance(text, str) or (not text and content.get("size")):
        if "event-stream" not in kind and "eventstream" not in kind:
            return kind, None
        raise maker.error(
            "the HAR file has no body of this event stream: browsers leave it out unless the "
            "stream has ended, and some always do",
            0,
        )
    return kind, _decoded(_bytes_of(text, content.get("encoding"), maker), headers, maker)


def _headers_of_har(headers: Any) -> dict[str, str]:
    found = headers if isinstance(headers, list) else []
    pairs = [(one.get("name"), one.get("value")) for one in found if isinstance(one, dict)]
    return {
        name.lower(): value
        for name, value in pairs
        if isinstance(name, str) and isinstance(value, str)
    }


def _of_cassette(response: dict[str, Any], maker: Maker) -> tuple[str, bytes | None]:
    headers = _headers_of_cassette(response.get("headers"))
    body, encoding = response.get("body", response.get("content")), None
    if isinstance(body, dict):
        if isinstance(body.get("base64_string"), str):
            body, encoding = body["base64_string"], "base64"
        else:
            body = body.get("string")
    if not isinstance(body, (str, bytes)):
        return "", None
    data = _bytes_of(body, encoding, maker)
    return headers.get("content-type", ""), _decoded(data, headers, maker)


def _headers_of_cassette(headers: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, dict) else ():
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(name, str) and isinstance(one, str):
            found[name.lower()] = one
    return found


_ANSWERS: dict[Any, Callable[[dict[str, Any], Maker], tuple[str, bytes | None]]] = {
    "har": _of_har,
    "cassette": _of_cassette,
}
"""What gives the content type and the body of a response. The body is None if there is none."""
_HEADERS: dict[Any, Callable[[Any], dict[str, str]]] = {
    "har": _headers_of_har,
    "cassette": _headers_of_cassette,
}
_TIMES: dict[Any, str] = {"har": "startedDateTime", "cassette": "recorded_at"}
"""The key of an exchange that says when it was."""


def _bytes_of(text: str | bytes, encoding: Any, maker: Maker) -> bytes:
    if isinstance(text, bytes):
        return text
    if encoding != "base64":
        return text.encode(errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError) as error:
        raise maker.error(f"the body is no base64: {error}", 0) from None


def _decoded(body: bytes, headers: dict[str, str], maker: Maker) -> bytes:
    """Decompress a body, if it is compressed. Some recorders keep the header, and some the body."""
    kind = compression_of(body)
    encoding = headers.get("content-encoding", "").strip().lower()
    if not kind and encoding == "br" and not _is_text(body):
        problem = "the body is compressed with br: record it with `accept-encoding: gzip`"
        raise maker.error(problem, 0)
    if not kind and encoding == "deflate" and not _is_text(body):
        kind = "deflate"
    if not kind:
        return body
    parts: list[bytes] = []
    size = 0
    for piece in decompressed(iter((body,)), kind, maker.error):
        parts.append(piece)
        size += len(piece)
        if size > maker.max_bytes:
            raise maker.error(f"a body of more than {maker.max_bytes} bytes", 0)
    return b"".join(parts)


def _is_text(body: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(body[:1024])
    except UnicodeDecodeError:
        return False
    return "\0" not in text


def _counts(content_type: str, body: bytes) -> bool:
    """Whether an answer is one of the Messages API."""
    if "event-stream" in content_type or "eventstream" in content_type:
        return True
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"{"):
        return begins_like_sse(start[:1024]) and not start.startswith(b"<")
    try:
        value = loads(start)
    except DecodeError:
        first = start.partition(b"\n")[0]
        return b'"custom_id"' in first and b'"result"' in first
    if not isinstance(value, dict):
        return False
    is_error = value.get("type") == "error" and isinstance(value.get("error"), dict)
    return is_message(value) or is_error or value.keys() >= {"custom_id", "result"}
