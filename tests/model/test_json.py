"""JSON text is read by one set of rules, with either library, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import ChunkviewError, DecodeError
from chunkview._model import json as _json
from chunkview._model.bounds import MAX_DEPTH, copy_json
from chunkview._model.json import default_loads, loads, stdlib_loads

msgspec_loads = default_loads()


def outcome(parse: Any, data: bytes) -> Any:
    """The value as its repr, which shows the types; or DecodeError."""
    try:
        return repr(parse(data))
    except DecodeError:
        return DecodeError


ACCEPTED = [
    b"{}",
    b" [1] ",
    b"\t\r\n1\n",
    b'{"a": 1, "a": 2}',
    b'"\\ud83d\\ude00"',
    b'"\\uD83D\\uDE00 \\\\ud83d"',
    b'"\\u0000\\u007f"',
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\\ude00\\ud83d"',
    b'{"\\ud800": 1}',
    b'{"a": ["\\uDBFF x"]}',
    b'"\\ud83d\\u0041"',
    b'{"a":"\\ud800","a":""}',
    b'["\\ud83d","\\ude00"]',
    b'"\x7f\xc2\x85\xe2\x80\xa8"',
    b"-0",
    b"-0.0",
    b"1e5",
    b"1e-999",
    b"5e-324",
    b"1.7976931348623157e308",
    b"9" * 308,
    b"-" + b"9" * 308,
    b"18446744073709551616",
    b"0." + b"1" * 400,
    b"0." + b"1" * 2_000,
    b'"' + b"1" * 400 + b'"',
    b'{"' + b"1" * 400 + b'": 1}',
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    b'{"a":' * (MAX_DEPTH - 1) + b"[]" + b"}" * (MAX_DEPTH - 1),
    b"[" + b"[]," * 5_000 + b"[]]",
    b'"' + b"[{" * 5_000 + b'"',
]

REFUSED = [
    b"",
    b" ",
    b"{",
    b"[1,]",
    b'{"a": 1,}',
    b"{'a': 1}",
    b"01",
    b"1.",
    b".5",
    b"+1",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"[NaN]",
    b"1e999",
    b"-1e999",
    b'{"a": [1e400]}',
    b"1.7976931348623159e308",
    b"9" * 309,
    b"[-" + b"9" * 400 + b"]",
    b"9" * 5_000,
    b'{"x": ' + b"1" * 330 + b"}",
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b"\xef\xbb\xbf1",
    b'"a\nb"',
    b'"\x00"',
    b'{"a\tb": 1}',
    b'"\\\xed\xa0\x80"',
    b'"\\x"',
    b'"\\u12"',
    b"1 2",
    b"{} x",
    b"[]]",
    b"\x0b1",
    b"\xc2\xa01",
    b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    b'{"a":' * MAX_DEPTH + b"[]" + b"}" * MAX_DEPTH,
    b"[" * 5_000 + b"]" * 5_000,
    b"[" * 100_000,
    b" " * 5_000 + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
]


@pytest.mark.parametrize("data", ACCEPTED, ids=lambda data: repr(data[:30]))
def test_both_libraries_accept_valid_json_with_the_same_result(data: bytes) -> None:
    assert outcome(stdlib_loads, data) == outcome(msgspec_loads, data) == repr(json.loads(data))


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:30]))
def test_both_libraries_refuse_the_same_texts(data: bytes) -> None:
    assert outcome(stdlib_loads, data) is outcome(msgspec_loads, data) is DecodeError


@given(
    st.integers(MAX_DEPTH - 1, MAX_DEPTH + 2),
    st.integers(0, MAX_DEPTH + 2),
    st.randoms(use_true_random=False),
    st.sampled_from([0, 1, 2, 200, 600, 1_100]),
)
def test_the_depth_is_counted_exactly_in_a_text_of_any_length_and_kind(
    levels: int, arrays: int, random: Any, spaces: int
) -> None:
    kinds = [*"a" * min(arrays, levels), *"o" * max(levels - arrays, 0)]
    random.shuffle(kinds)
    heads = "".join(["[" if kind == "a" else '{"":' for kind in kinds])
    ends = "".join(["]" if kind == "a" else "}" for kind in reversed(kinds)])
    # The innermost object is empty, which makes the text as short as it can be.
    data = (" " * spaces + heads.removesuffix('"":') + ends).encode()
    for parse in (stdlib_loads, msgspec_loads):
        assert (outcome(parse, data) is DecodeError) == (levels > MAX_DEPTH)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
# JSON text with a part cut out and another piece put in.
mutilated = st.builds(
    lambda value, ascii_only, start, length, piece: (
        (text := json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"))[:start]
        + piece
        + text[start + length :]
    ),
    json_values,
    st.booleans(),
    st.integers(0, 30),
    st.integers(0, 3),
    st.sampled_from(
        [
            b"",
            b"",
            b"0",
            b"9" * 310,
            b"e9",
            b"\\ud800",
            b"\\",
            b'"',
            b"[",
            b"{",
            b" ",
            b"NaN",
            b"\xff",
        ]
    )
    | st.binary(max_size=3),
)


@given(st.binary() | mutilated)
@example(b'"\\ud83d\\u0041"')
def test_the_json_library_makes_no_difference(data: bytes) -> None:
    assert outcome(stdlib_loads, data) == outcome(msgspec_loads, data)


def number(draw: Any) -> str:
    """A number with up to 100,000 digits, often with an exponent that makes up for them."""
    digits = st.text("0123456789", max_size=25) | st.builds(
        lambda digit, count, end: digit * count + end,
        st.sampled_from("0159"),
        st.sampled_from([17, 300, 308, 309, 310, 770, 9_999, 99_999, 100_000, 100_330]),
        st.text("0123456789", max_size=20),
    )
    whole = draw(st.just("0") | st.builds(str.__add__, st.sampled_from("123456789"), digits))
    part = draw(st.just("") | digits.filter(bool).map(".{}".format))
    size = draw(st.sampled_from([0, len(whole), len(part)])) + draw(st.integers(-345, 345))
    exponent = draw(
        st.sampled_from(["", f"e{size}", f"E-{abs(size)}", f"e+{abs(size)}", f"e-{size:030}"])
        if size >= 0
        else st.just(f"e{size}")
    ) or draw(st.sampled_from(["", "e99999", "e-100001", f"e{2**31}", f"e-{2**64 + 1}"]))
    return str(draw(st.sampled_from(["", "-"])) + whole + part + exponent)


@given(st.composite(number)())
@example("0." + "0" * 99_999 + "1e100000")
@example("1" + "0" * 100_000 + "e-100000")
@example("1e-400")
@example("-0")
@example("-0.0e5")
@example("2.2250738585072011e-308")
@example("9007199254740993.0" + "0" * 400 + "1")
def test_numbers_of_any_length_are_read_as_the_standard_library_reads_them(text: str) -> None:
    data = f'{{"a": [{text}]}}'.encode()
    assert outcome(stdlib_loads, data) == outcome(msgspec_loads, data)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        assert outcome(stdlib_loads, data) is DecodeError
    elif "." in text or "e" in text.lower():
        assert outcome(stdlib_loads, data) == repr({"a": [value]})
    else:
        assert outcome(stdlib_loads, data) == repr({"a": [int(text)]})


@given(mutilated)
def test_accepted_text_has_the_value_that_json_loads_gives(data: bytes) -> None:
    value = outcome(stdlib_loads, data)
    if value is not DecodeError:
        assert value == repr(json.loads(data))


def test_text_may_be_str_with_half_characters() -> None:
    assert loads('{"a": "é"}') == {"a": "é"}
    assert loads('{"\ud800": "\ud83d"}') == {"\ud800": "\ud83d"}
    for text in ('"\\\ud800"', "\ud800", '"\ud800" "', '["\ud800\n"]'):
        with pytest.raises(DecodeError, match="invalid JSON"):
            loads(text)
    for text in ("[" * 201 + '"\ud800"' + "]" * 201, '["\ud800", ' + "9" * 400 + "]"):
        with pytest.raises(DecodeError, match=r"nested deeper|out of range"):
            loads(text)


HALVES = st.text(st.sampled_from('\ud800\ud83d\ude00\udfffa\\"\n😀'), max_size=8)


@given(HALVES, st.booleans())
def test_half_characters_are_read_alike_as_escapes_and_as_characters(text: str, raw: bool) -> None:
    value = {"a": text, text: [text]}
    if raw:
        assert loads(json.dumps(value, ensure_ascii=False)) == value
    data = json.dumps(value).encode()
    assert stdlib_loads(data) == msgspec_loads(data) == json.loads(data)


@pytest.mark.parametrize("parse", [stdlib_loads, msgspec_loads], ids=["stdlib", "msgspec"])
@pytest.mark.parametrize("control", ["\0", "\t", "\n", "\x1f"])
def test_a_raw_control_character_in_a_string_is_named(parse: Any, control: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(f'{{"a": "b{control}"}}'.encode())
    assert str(caught.value) == (
        f"invalid JSON: a raw control character in a string, U+{ord(control):04X} at character 8: "
        "it has to be escaped"
    )


def test_the_error_says_what_is_wrong() -> None:
    with pytest.raises(DecodeError, match="invalid JSON: no JSON value at character 0"):
        stdlib_loads(b"x")
    with pytest.raises(
        DecodeError, match="invalid JSON: text after the JSON value, at character 2"
    ):
        stdlib_loads(b"{}{}")
    with pytest.raises(DecodeError, match="invalid JSON: NaN is not JSON"):
        stdlib_loads(b"[NaN]")


def test_an_old_msgspec_whose_error_is_no_value_error_asks_the_standard_library_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import msgspec

    class DecodeError(Exception):
        """That of msgspec before 0.19."""

    class Decoder:
        def decode(self, data: bytes) -> object:
            try:
                return msgspec.json.decode(data)
            except ValueError as error:
                raise DecodeError(str(error)) from error

    old = SimpleNamespace(DecodeError=DecodeError, json=SimpleNamespace(Decoder=Decoder))
    monkeypatch.setitem(sys.modules, "msgspec", old)
    parse = default_loads.__wrapped__()
    assert parse(b'{"a": 1}') == {"a": 1}
    assert parse(rb'"\ud83d"') == "\ud83d"
    with pytest.raises(ChunkviewError, match="invalid JSON"):
        parse(b"{")


def test_without_msgspec_the_standard_library_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert default_loads.__wrapped__() is stdlib_loads


def test_a_copy_shares_nothing_with_the_original() -> None:
    value = {"a": [1, {"b": (2, [3])}]}
    copied = copy_json(value)
    assert copied == {"a": [1, {"b": [2, [3]]}]}
    copied["a"][1]["b"][1].append(4)
    assert value == {"a": [1, {"b": (2, [3])}]}


HUGE = [b"9" * 400, b"[-" + b"9" * 100_000 + b"]", b'{"a": 1, "b": ' + b"1" * 5_000 + b"}"]


@pytest.mark.parametrize("data", HUGE, ids=len)
def test_the_digits_of_an_integer_are_counted_before_it_is_read(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counting(text: str) -> int:
        read.append(len(text))
        return int(text)

    monkeypatch.setattr(_json, "int", counting, raising=False)
    parse = _json._checked(lambda data: pytest.fail("the library reads it"))
    for refusing in (parse, stdlib_loads, default_loads()):
        with pytest.raises(DecodeError, match="number out of range"):
            refusing(data)
    assert all(length <= 309 for length in read)


def test_long_integers_are_refused_also_if_python_allows_any_number_of_digits() -> None:
    program = """
import sys
from chunkview import DecodeError, decode
from chunkview._model.json import default_loads, stdlib_loads
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
for loads in (default_loads(), stdlib_loads):
    for data in (b"9" * 1_000_000, b"[1, -" + b"1" * 310 + b"]"):
        try:
            loads(data)
        except DecodeError as error:
            print(error)
assert len(repr(decode({"type": "ping", "n": 9**100_000, "x": {"type": 9**100_000}}))) < 100
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["invalid JSON: number out of range"] * 4


@pytest.mark.parametrize("parse", [stdlib_loads, msgspec_loads], ids=["stdlib", "msgspec"])
@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * 50_000 + b"[]]",
        b"[" + b"{}," * 50_000 + b'"\\ud83d\\ude00"]',
        b"[" + b'{"a": [0]},' * 20_000 + b"0]",
        (b"[" + b"[" * 150 + b"]" * 150 + b"," + b"[" * 150 + b"]" * 150 + b"]"),
    ],
    ids=["arrays", "surrogates", "objects", "deep"],
)
def test_the_memory_of_the_checks_depends_on_the_depth_and_not_on_the_size(
    parse: Any, data: bytes
) -> None:
    parse(data)
    tracemalloc.start()
    try:
        value = parse(data)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value
    # The standard library's parser makes a copy of the text, as str.
    assert peak - held < 2 * len(data) + 100 * MAX_DEPTH
    assert held < 50 * len(data)
