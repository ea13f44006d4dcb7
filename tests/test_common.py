from __future__ import annotations

import pytest

from chunkview import CostMetadata
from chunkview.common import Usage


def test_common_usage_is_none_only_when_nothing_is_known() -> None:
    assert Usage.from_counts(None, None, None) is None
    assert Usage.from_counts(None, 0, None) == Usage(0, 0, 0, 0)


def test_missing_counts_are_zero_and_the_total_is_input_plus_output() -> None:
    assert Usage.from_counts(3, None, 4) == Usage(3, 0, 4, 7)
    assert Usage.from_counts(None, 5, 4) == Usage(0, 5, 4, 4)
    assert Usage.from_counts(3, 5, None) == Usage(3, 5, 0, 3)


@pytest.mark.parametrize(("written", "expected"), [(None, None), (0, False), (7, True)])
def test_cache_write_says_whether_anything_was_written(
    written: int | None, expected: bool | None
) -> None:
    assert CostMetadata(cache_write_tokens=written).cache_write is expected


def test_batch_mode_is_the_batch_tier() -> None:
    assert CostMetadata(tier="batch").batch_mode
    assert not CostMetadata(tier="standard").batch_mode
    assert not CostMetadata().batch_mode


def test_cost_metadata_shows_what_is_known() -> None:
    assert repr(CostMetadata(1, model="m")) == "CostMetadata(input_tokens=1, model='m')"
