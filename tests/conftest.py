"""Hypothesis profiles, and recorded streams: the bundled ones, or those of a corpus."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from support import recorded_streams

settings.register_profile("default", max_examples=60, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("default"),
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
# For mutation testing: what kills a mutant is a failure, not the shortest one.
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every recorded stream (`recorded`), or on every complete one (`whole`)."""
    streams = recorded_streams()
    if "recorded" in metafunc.fixturenames:
        metafunc.parametrize("recorded", streams, ids=[stream.name for stream in streams])
    if "whole" in metafunc.fixturenames:
        streams = [stream for stream in streams if not stream.breaks_off]
        metafunc.parametrize("whole", streams, ids=[stream.name for stream in streams])
