"""What follows when a rule is broken: other rules that are broken, too, and errors."""

from __future__ import annotations

from chunkview import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
)
from chunkview.conformance import RULES
from chunkview.testing._examples import IMPLIED

__all__ = ["IMPLIES", "OF_EVENTS", "RAISES", "WIRE"]

WIRE = [name for name, rule in RULES.items() if rule.group == "wire"]
OF_EVENTS = [name for name in RULES if name not in WIRE]

IMPLIES: dict[str, set[str]] = {
    **{rule: {implied} for rule, (implied, _) in IMPLIED.items()},
    # A thinking delta that no block takes begins thinking of its own, and no signature follows.
    "delta_without_block": {"thinking_without_signature"},
    "delta_after_block_stop": {"thinking_without_signature"},
    "delta_type_mismatch": {"thinking_without_signature"},
    # The value may be the stop reason, or the signature.
    "misfit_value": {"stop_reason_missing", "thinking_without_signature"},
}
"""The rules that a stream may break besides the one that `broken_streams` names."""

RAISES: dict[str, type[ChunkviewError]] = {
    **{name: DecodeError for name, rule in RULES.items() if rule.group == "essential"},
    "control_character": DecodeError,
    "message_start_missing": ProtocolError,
    "second_message": ProtocolError,
    "content_after_message_stop": ProtocolError,
    "stream_cut": IncompleteStreamError,
    "event_after_error": StreamError,
    "error_misshapen": StreamError,
    "body_is_error": StreamError,
}
"""What `accumulate` raises, by the rule that is broken. It takes the other streams.

With `data_not_object`, it depends on the name of the event whether it raises a DecodeError.
"""
