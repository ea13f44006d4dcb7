"""How the strategies fit into Hypothesis."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest

import chunkview
from _chunkview_hypothesis import public_classes
from chunkview import accumulate, common
from chunkview.testing import recording
from chunkview.testing import strategies as cv

NEEDED: dict[str, tuple[Any, ...]] = {
    "segmentations": (b"data: {}" * 1000,),
    "streams_like": (recording("text"),),
    "streams_of": (accumulate(recording("citations")),),
}
"""The arguments that some of the strategies need."""


@pytest.mark.parametrize("name", cv.__all__)
def test_a_strategy_has_a_repr_that_fits_a_screen(name: str) -> None:
    assert len(repr(getattr(cv, name)(*NEEDED.get(name, ())))) < 800
    assert len(repr(cv.message_streams())) < 40


def run(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_hypothesis_finds_the_entry_point() -> None:
    (found,) = (one for one in metadata.entry_points(group="hypothesis") if one.name == "chunkview")
    assert found.value == "_chunkview_hypothesis:register"


def test_importing_hypothesis_imports_nothing_of_chunkview() -> None:
    """Nor does the entry point import attrs. Those of other packages may."""
    result = run(
        "import sys, _chunkview_hypothesis\n"
        "_chunkview_hypothesis.register()\n"
        "assert not {'attr', 'attrs', 'hypothesis'} & set(sys.modules)\n"
        "del sys.modules['_chunkview_hypothesis']\n"
        "import hypothesis\n"
        "assert '_chunkview_hypothesis' in sys.modules\n"
        "assert 'chunkview' not in sys.modules\n"
        "hypothesis.strategies.integers().validate()\n"
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "imports",
    ["import hypothesis, chunkview", "import chunkview, hypothesis"],
)
def test_in_either_order_of_the_imports_the_classes_are_known_without_the_strategies(
    imports: str,
) -> None:
    result = run(
        f"{imports}, sys\n"
        "from hypothesis import strategies as st\n"
        "assert 'chunkview.testing.strategies' not in sys.modules\n"
        "st.from_type(chunkview.TextDeltaChunk).validate()\n"
        "assert 'chunkview.testing.strategies' in sys.modules\n"
        "st.from_type(chunkview.common.Usage).validate()\n"
    )
    assert result.returncode == 0, result.stderr


def test_nothing_is_loaded_when_plugins_are_switched_off() -> None:
    result = run(
        "import sys, hypothesis, chunkview\nassert '_chunkview_hypothesis' not in sys.modules\n",
        HYPOTHESIS_NO_PLUGINS="1",
    )
    assert result.returncode == 0, result.stderr


def test_a_package_that_is_being_imported_registers_its_classes_at_its_end() -> None:
    """Another thread may import Hypothesis meanwhile."""
    result = run(
        "import sys, types\n"
        "sys.modules['chunkview'] = types.ModuleType('chunkview')\n"
        "import hypothesis\n"
        "del sys.modules['chunkview']\n"
        "import chunkview\n"
        "hypothesis.strategies.from_type(chunkview.PingChunk).validate()\n"
        "assert 'chunkview.testing.strategies' in sys.modules\n"
    )
    assert result.returncode == 0, result.stderr


def test_every_public_class_is_registered() -> None:
    exported = [getattr(chunkview, name) for name in chunkview.__all__]
    assert set(public_classes()) == {
        *(value for value in exported if isinstance(value, type)),
        common.Usage,
    }


def test_without_hypothesis_the_error_says_what_to_install() -> None:
    result = run(
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "import chunkview.testing\n"
        "from chunkview.testing import laws\n"
        "laws.assert_sendable({'role': 'assistant', 'content': []})\n"
        "laws.assert_total(list)\n"
    )
    assert "needs hypothesis: pip install 'chunkview[testing]'" in result.stderr
