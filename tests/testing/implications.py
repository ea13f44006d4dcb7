"""Which other rules a stream may break when it breaks a rule."""

from __future__ import annotations

from chunkview.testing._examples import IMPLIED

__all__ = ["IMPLIES"]

IMPLIES: dict[str, set[str]] = {
    **{rule: {implied} for rule, (implied, _) in IMPLIED.items()},
    # A thinking delta that no block takes begins thinking of its own, and no signature follows.
    "delta_without_block": {"thinking_without_signature"},
    "delta_after_block_stop": {"thinking_without_signature"},
    "delta_type_mismatch": {"thinking_without_signature"},
    # The value may be the stop reason, or the signature.
    "misfit_value": {"stop_reason_missing", "thinking_without_signature"},
}
"""The rules that `broken_streams` and `broken_bodies` may break besides the one asked for."""
