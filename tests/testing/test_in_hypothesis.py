"""How the strategies fit into Hypothesis."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from chunkview.testing import strategies as cv

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize("name", sorted(set(cv.__all__) - {"segmentations"}))
def test_a_strategy_has_a_repr_that_fits_a_screen(name: str) -> None:
    assert len(repr(getattr(cv, name)())) < 800


def run(source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, check=False
    )


def test_importing_hypothesis_registers_the_classes_but_imports_no_strategies() -> None:
    result = run(
        "import sys, hypothesis.strategies as st\n"
        "assert 'chunkview._hypothesis' in sys.modules\n"
        "assert 'chunkview.testing.strategies' not in sys.modules\n"
        "assert 'chunkview.testing' not in sys.modules\n"
        "from chunkview import TextDeltaChunk\n"
        "st.from_type(TextDeltaChunk).validate()\n"
    )
    assert result.returncode == 0, result.stderr


def test_without_hypothesis_the_error_says_what_to_install() -> None:
    result = run(
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "import chunkview.testing\n"
        "import chunkview.testing.strategies\n"
    )
    assert "needs hypothesis: pip install 'chunkview[testing]'" in result.stderr
