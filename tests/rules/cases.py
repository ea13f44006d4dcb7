"""Where the streams of compatible servers are.

They are not part of this project. Where their directory is, every one of them must run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CASES = Path(
    os.environ.get("CHUNKVIEW_CASES")
    or Path(__file__).resolve().parents[2].parent / "shared" / "cases"
)

needs_cases = pytest.mark.skipif(
    not CASES.is_dir() and "CHUNKVIEW_CASES" not in os.environ,
    reason="the cases of compatible servers are not here",
)
