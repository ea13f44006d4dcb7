"""Takes the screenshot of docs/picture.md: `make screenshot`.

`chunkview show --html` runs on a bundled recording, with times, in which an event is broken. Then
a headless Chromium opens the file, at a size that is easy to read in a page.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
from itertools import accumulate
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from chunkview._cli import main
from chunkview._cli.record.sidecar import Times, sidecar_of
from chunkview._stream import Framer
from chunkview.testing import recording

WIDTH, HEIGHT = 1100, 1000
# Seconds between two events; the server pauses before the tool call.
GAPS = (0.03, 0.07, 0.02, 0.11, 0.05, 0.02, 0.09)
PAUSES = {20: 0.4, 27: 0.9}
BROKEN = 40


def write_recording(file: Path) -> None:
    """Write a recording with its sidecar."""
    events = Framer().feed(recording("thinking_tool_call"))
    events[BROKEN] = events[BROKEN].replace(b'"index":2', b'"index":5')
    file.write_bytes(b"".join(events))
    gaps = [GAPS[at % len(GAPS)] + PAUSES.get(at, 0.0) for at in range(len(events))]
    times = [round(0.6 + at, 3) for at in accumulate(gaps)]
    pieces = tuple(zip(times, map(len, events), strict=True))
    sidecar = Times(
        started="2026-01-31T23:59:59Z",
        method="POST",
        path="/v1/messages",
        request_headers=(),
        status=200,
        headers=(),
        to_headers=0.5,
        pieces=pieces,
        duration=times[-1],
        ended="whole",
    )
    Path(sidecar_of(str(file))).write_bytes(sidecar.to_bytes())


def take(page: Path, target: Path) -> None:
    """Open the page, choose the event with a finding, and write what is to be seen."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"):
        options.add_argument(option)
    options.add_argument("--disable-background-networking")
    options.add_argument("--hide-scrollbars")
    options.add_argument(f"--user-data-dir={page.parent / 'profile'}")
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1.5, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        driver.find_element(By.CSS_SELECTOR, "#findings button").click()
        driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        # WebP has a quarter of the bytes of PNG.
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 75})
        target.write_bytes(base64.b64decode(taken["data"]))
    finally:
        driver.quit()


def run() -> None:
    """Write the screenshot to the path that is the argument."""
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_recording(Path("answer.sse"))
        main(["show", "--html", "out.html", "answer.sse"])
        take(Path(folder, "out.html"), target)


run()
