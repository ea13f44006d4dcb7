from __future__ import annotations

import pytest

from chunkview._stream import fastpath


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test learns for itself how streams begin."""
    fastpath.MEMORY.clear()
