"""The file of `chunkview show --html` in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from chunkview import iter_chunks
from chunkview._cli.main import main
from chunkview._cli.picture.page import page_of
from chunkview._stream import Framer
from chunkview.conformance import RULES, check
from chunkview.testing import recording, recording_names, workload

TEXT = recording("text")
TOOL_CALL = recording("thinking_tool_call")
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":%s}\n\n'
# In the middle of a text: an event that cannot be read, and one that repeats the start of a block.
EVENTS = Framer().feed(TEXT)
BROKEN = b"".join([*EVENTS[:5], b"data: {no\n\n", *EVENTS[5:7], EVENTS[1], *EVENTS[7:-1]])
HOSTILE = (
    '</script><script>alert("a")</script><img src=x onerror=alert("b")>'
    "<!-- <svg onload=alert('c')> \x1b[31m red \x1b]0;title\x07 \u2028 \u202e desrever \ud83d &amp;"
)

Open: TypeAlias = "Callable[..., Opened]"


class Opened:
    """A picture that is open in the browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def counter(self, name: str) -> int:
        """One of the numbers that the page keeps of what it shows."""
        return int(self.run("return document.documentElement.dataset[arguments[0]]", name))

    def text(self, selector: str) -> str:
        text: str = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return text

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        texts: list[str] = self.run(script, selector)
        return texts

    def click(self, selector: str) -> None:
        from selenium.webdriver.common.by import By

        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, selector: str, *keys: str) -> None:
        """Give an element the focus, and press keys."""
        from selenium.webdriver.common.keys import Keys

        self.run("document.querySelector(arguments[0]).focus()", selector)
        self.driver.switch_to.active_element.send_keys(*(getattr(Keys, key) for key in keys))

    def choose(self, number: int) -> None:
        """Choose a stream."""
        script = """
            const choice = document.getElementById("streams");
            choice.value = arguments[0];
            choice.dispatchEvent(new Event("change"));
        """
        self.run(script, number)

    def point(self, action: str, event: float, lane: int, events: int) -> None:
        """Send an event of the mouse to a place of the timeline, which is in the order of events.

        Args:
            action: "click" or "pointermove".
            event: The number of the event that is there.
            lane: The number of its lane.
            events: How many events the stream has.
        """
        script = """
            const [action, place, lane] = arguments;
            const canvas = document.getElementById("canvas");
            const { left, top, width } = canvas.getBoundingClientRect();
            // As in picture.js: the names, the margin at the right, the axis, the lanes.
            const clientX = left + 168 + place * (width - 168 - 12);
            const clientY = top + 74 + (lane + 0.5) * 24;
            canvas.dispatchEvent(new PointerEvent(action, { clientX, clientY }));
        """
        self.run(script, action, (event + 0.5) / events, lane)

    def canvas_is_blank(self) -> bool:
        return bool(
            self.run("""
                const canvas = document.getElementById("canvas");
                const pixels = canvas.getContext("2d")
                    .getImageData(0, 0, canvas.width, canvas.height).data;
                return new Set(new Uint32Array(pixels.buffer)).size < 3;
            """)
        )


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Draw bodies, and open the picture. At the end there must be no error in the console."""

    def open_picture(*bodies: bytes, page: bytes | None = None) -> Opened:
        files = [tmp_path / f"{number}.sse" for number, _ in enumerate(bodies)]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        target = tmp_path / "out.html"
        if page is None:
            main(["show", "--html", str(target), *map(str, files)])
        else:
            target.write_bytes(page)
        browser.get(target.as_uri())
        return Opened(browser)

    browser.get("about:blank")
    browser.get_log("browser")
    yield open_picture
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", recording_names())
def test_every_event_of_a_recording_is_in_the_list(name: str, opened: Open) -> None:
    page = opened(recording(name))
    chunks = list(iter_chunks(recording(name)))
    assert page.counter("events") == len(chunks)
    assert page.counter("marks") == len(chunks)
    shown = page.run(
        """
        const shown = [];
        const press = (key) => document.getElementById("list")
            .dispatchEvent(new KeyboardEvent("keydown", { key }));
        press("Home");
        for (let at = 0; at < arguments[0]; at++) {
            const type = document.querySelector(`#event-${at}[aria-selected=true] .type`);
            const json = document.querySelector("#detail pre");
            shown.push([type.textContent, json.textContent]);
            press("ArrowDown");
        }
        return shown;
        """,
        len(chunks),
    )
    assert [(type_, json.loads(text)) for type_, text in shown] == [
        (getattr(chunk, "delta_type", "") or chunk.type, chunk.to_event()) for chunk in chunks
    ]
    assert not page.canvas_is_blank()


def test_text_of_a_model_stays_text(opened: Open) -> None:
    delta = {"type": "text_delta", "text": HOSTILE}
    tool = TOOL_CALL.replace(b"find_copies", json.dumps(HOSTILE)[1:-1].encode())
    text = b"".join([*EVENTS[:3], DELTA % json.dumps(delta).encode(), *EVENTS[3:]])
    page = opened(text, tool.replace(b"claude-sonnet", b"<b>claude</b>"))
    before = page.run("return document.scripts.length")
    for number in range(2):
        page.choose(number)
        page.press("#list", "HOME", *["ARROW_DOWN"] * 3)
        assert page.run("return document.scripts.length") == before == 2
        assert page.run("return document.querySelectorAll('img, svg, b, main script').length") == 0
    page.choose(0)
    page.press("#list", "HOME", *["ARROW_DOWN"] * 3)
    shown = page.run("return document.querySelector('#detail pre').textContent")
    assert json.loads(shown)["delta"]["text"] == HOSTILE
    [block] = page.texts("#blocks .text")
    assert '<img src=x onerror=alert("b")>' in block
    assert "\\x1b[31m red" in block
    assert "\\u202e desrever" in block
    assert "\x1b" not in block


def test_the_policy_stops_a_program_that_is_not_the_one_of_the_page(
    browser: Any, opened: Open
) -> None:
    page = opened(TEXT)
    page.run("""
        const script = document.createElement("script");
        script.textContent = "window.hasRun = true";
        document.body.append(script);
        const image = "<img src='http://127.0.0.1:9/x' onerror='hasRun = true'>";
        document.body.insertAdjacentHTML("beforeend", image);
    """)
    assert page.run("return window.hasRun === undefined")
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert any("script-src" in message for message in refused)
    assert all("Content Security Policy" in message for message in refused)


def test_a_click_on_an_event_shows_its_json(opened: Open) -> None:
    page = opened(TEXT)
    chunks = list(iter_chunks(TEXT))
    page.click("#event-4")
    assert json.loads(page.text("#detail pre")) == chunks[4].to_event()
    assert page.run("return document.getElementById('event-4').ariaSelected") == "true"
    assert page.run("return document.querySelectorAll('[aria-selected=true]').length") == 1


def test_a_click_on_the_timeline_selects_the_nearest_event_of_that_lane(opened: Open) -> None:
    page = opened(TOOL_CALL)
    chunks = list(iter_chunks(TOOL_CALL))
    ping = next(at for at, chunk in enumerate(chunks) if chunk.type == "ping")
    for lane, expected in enumerate((ping, ping + 1)):
        # Between the ping, in lane 0, and the thinking after it, in lane 1.
        page.point("click", ping + 0.5, lane, len(chunks))
        assert page.counter("selected") == expected


def test_arrow_keys_go_along_the_timeline_and_from_lane_to_lane(opened: Open) -> None:
    page = opened(TEXT)
    chunks = list(iter_chunks(TEXT))
    page.press("#line", "HOME", "ARROW_RIGHT", "ARROW_RIGHT", "ARROW_RIGHT", "ARROW_LEFT")
    assert page.counter("selected") == 2
    page.press("#line", "ARROW_UP")
    assert getattr(chunks[page.counter("selected")], "index", None) is None
    page.press("#line", "ARROW_DOWN")
    assert getattr(chunks[page.counter("selected")], "index", None) == 0
    page.press("#line", "END")
    assert page.counter("selected") == len(chunks) - 1
    script = "return document.getElementById('line').ariaValueText"
    assert page.run(script) == f"event {len(chunks) - 1}, message_stop"


def test_findings_are_marked_at_their_events_and_say_what_the_rule_promises(opened: Open) -> None:
    page = opened(BROKEN)
    findings = check(BROKEN)
    assert len(findings) > 2
    assert len(page.texts("#findings details")) == len(findings)
    events = page.counter("events")
    for number, finding in enumerate(findings, 1):
        page.click(f"#findings li:nth-child({number}) button")
        at = min(finding.position, events - 1)
        assert page.counter("selected") == at
        assert finding.rule in page.texts(f"#event-{at} .badge")
        promise = RULES[finding.rule].promise.replace("`", "")
        assert promise in page.text("#detail")
        assert page.run("return document.activeElement.id") == "list"


def test_the_hint_of_a_mark_says_what_is_wrong_there(opened: Open) -> None:
    page = opened(BROKEN)
    finding = next(one for one in check(BROKEN) if one.rule == "data_not_object")
    page.point("pointermove", finding.position, 0, page.counter("events"))
    assert "data_not_object: the data of an event is not a JSON object" in page.text("#hint")


def test_ten_thousand_events_are_shown_without_an_element_for_each(opened: Open) -> None:
    body = workload("thinking", 10_000)
    page = opened(body)
    assert page.counter("events") > 10_000
    assert page.counter("rows") < 60
    assert 100 < page.counter("marks") < 5_000
    assert page.run("return document.querySelectorAll('*').length") < 700
    page.press("#list", "END")
    assert page.counter("rows") < 60
    assert json.loads(page.text("#detail pre")) == {"type": "message_stop"}


def test_a_larger_zoom_draws_fewer_events(opened: Open) -> None:
    page = opened(workload("chat", 2_000))
    page.press("#list", "END")
    before = page.counter("marks")
    page.press("#zoom", "END")
    assert 5 < page.counter("marks") < min(before, 200)
    # The selected event, the last one, stays in view.
    assert page.run("const line = document.getElementById('line'); return line.scrollLeft") > 10_000


def test_one_picture_shows_each_of_several_streams(opened: Open) -> None:
    page = opened(TEXT, TOOL_CALL)
    assert page.texts("#streams option")[1].endswith("1.sse (51 events)")
    assert len(page.texts("#blocks details")) == 1
    page.choose(1)
    assert page.text("h1").endswith("1.sse")
    assert page.counter("events") == len(list(iter_chunks(TOOL_CALL)))
    assert [re.sub(r"^\d ", "", head) for head in page.texts("#blocks summary")] == [
        "thinking",
        "text",
        "tool_use find_copies",
    ]


PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize("body", [PING, b"data: no\n\n", PING + TEXT[:40]])
def test_a_stream_without_a_message_is_shown_with_its_problem(body: bytes, opened: Open) -> None:
    page = opened(body)
    assert page.text("#problem")
    page.press("#list", "ARROW_DOWN")
    page.press("#line", "ARROW_DOWN", "ARROW_RIGHT")
    assert page.texts("#findings details")


def test_no_stream_at_all_is_no_error(opened: Open) -> None:
    page = opened(page=page_of([]))
    assert page.text("h1") == "There is no stream."


@pytest.mark.parametrize("width", [400, 800, 2000])
def test_nothing_is_wider_than_the_window(width: int, browser: Any, opened: Open) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page = opened(BROKEN)
        page.press("#list", "ARROW_DOWN")
        assert page.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_color_of_a_text_is_readable_on_its_background(
    scheme: str, browser: Any, opened: Open
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page = opened(TEXT)
        script = """
            const style = getComputedStyle(document.documentElement);
            return arguments[0].map((name) => style.getPropertyValue(`--${name}`));
        """
        backs = page.run(script, ["back", "panel", "selected"])
        inks = page.run(
            script,
            ["ink", "soft", "message", "text", "thinking", "tool", "other", "error", "warning"],
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    # 4.5 is what WCAG asks for: https://www.w3.org/TR/WCAG22/#contrast-minimum
    low = [(ink, back) for ink in inks for back in backs if contrast(ink, back) < 4.5]
    assert low == []


def contrast(one: str, other: str) -> float:
    """The ratio of two colors, `#rrggbb`, as WCAG defines it."""
    lights = sorted(map(luminance, (one, other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
