"""Hypothesis profiles, the `sdk` marker, and parametrization by recorded streams."""

from __future__ import annotations

import os

import anthropic
import pytest
from hypothesis import HealthCheck, Phase, settings

from chunkview._model import generate
from support import recorded_streams, sdk_accumulate, sdk_event

# Nearly all tests are of the readers that are written. tests/model/test_generate.py compares them
# with the functions that read before.
generate.LATER = 1

settings.register_profile("default", max_examples=20, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("default"),
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    max_examples=1_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# For mutation testing: any failure kills a mutant, so nothing is shrunk.
settings.register_profile(
    "mutate",
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default")
)


def pytest_xdist_auto_num_workers() -> int:
    """How many processes run the tests: one more than cores, since some tests wait for servers."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark with `sdk` each test of a module that imports something of the SDK."""
    for item in items:
        names = vars(getattr(item, "module", None) or object).values()
        if any(uses_sdk(value) for value in names):
            item.add_marker("sdk")


def uses_sdk(value: object) -> bool:
    """Whether a module-level value is the SDK, a part of it, or a helper that calls it."""
    if any(value is one for one in (anthropic, sdk_event, sdk_accumulate)):
        return True
    return str(getattr(value, "__module__", "")).partition(".")[0] == "anthropic"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every recorded stream (`recorded`), or on every complete one (`whole`)."""
    streams = recorded_streams()
    if "recorded" in metafunc.fixturenames:
        metafunc.parametrize("recorded", streams, ids=[stream.name for stream in streams])
    if "whole" in metafunc.fixturenames:
        streams = [stream for stream in streams if not stream.breaks_off]
        metafunc.parametrize("whole", streams, ids=[stream.name for stream in streams])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to say about how much they did."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(text)
