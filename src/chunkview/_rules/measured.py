"""What the official SDK and chunkview do when a rule is broken: measured, not decided.

`make severities` writes this file; .ci/severities.py says how it is measured. The SDKs are
anthropic 0.40.0 and 2.14.0, on Python 3.11.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["MEASURED", "VERSIONS", "Measured"]

VERSIONS: Final = ("0.40.0", "2.14.0")
"""The oldest and the newest version of the SDK that were measured."""


class Measured(NamedTuple):
    """What happens to the example of a rule.

    Each outcome begins with "takes", "loses", "alters" or "raises".

    Attributes:
        oldest_events: In raw iteration over the events, with the oldest SDK.
        oldest_helper: In `messages.stream()`, with the oldest SDK.
        newest_events: In raw iteration over the events, with the newest SDK.
        newest_helper: In `messages.stream()`, with the newest SDK.
        chunkview: In `chunkview.accumulate`.
    """

    oldest_events: str
    oldest_helper: str
    newest_events: str
    newest_helper: str
    chunkview: str


MEASURED: dict[str, Measured] = {
    "event_line_missing": Measured(
        "loses content",
        "loses content",
        "loses content",
        "loses content",
        "takes",
    ),
    "event_line_differs": Measured("loses content", "loses content", "takes", "takes", "takes"),
    "event_type_missing": Measured("takes", "takes", "loses content", "loses content", "takes"),
    "data_not_object": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises TypeError",
        "raises DecodeError",
    ),
    "done_marker": Measured("takes", "takes", "takes", "takes", "takes"),
    "done_marker_named": Measured(
        "takes",
        "takes",
        "raises JSONDecodeError",
        "raises JSONDecodeError",
        "takes",
    ),
    "byte_order_mark": Measured(
        "takes",
        "raises RuntimeError",
        "takes",
        "raises AssertionError",
        "takes",
    ),
    "last_event_unterminated": Measured(
        "loses the last event",
        "loses the last event",
        "loses the last event",
        "loses the last event",
        "takes",
    ),
    "control_character": Measured(
        "raises JSONDecodeError",
        "raises JSONDecodeError",
        "raises JSONDecodeError",
        "raises JSONDecodeError",
        "raises DecodeError",
    ),
    "half_character": Measured("takes", "takes", "takes", "takes", "takes"),
    "body_is_message": Measured(
        "loses content",
        "raises AssertionError",
        "loses content",
        "raises AssertionError",
        "takes",
    ),
    "body_is_error": Measured(
        "loses the error",
        "raises AssertionError",
        "loses the error",
        "raises AssertionError",
        "takes",
    ),
    "message_start_missing": Measured(
        "takes",
        "raises RuntimeError",
        "takes",
        "raises AssertionError",
        "raises ProtocolError",
    ),
    "message_start_repeated": Measured("takes", "takes", "takes", "takes", "takes"),
    "second_message": Measured("takes", "takes", "takes", "takes", "raises ProtocolError"),
    "block_start_repeated": Measured("takes", "alters content", "takes", "alters content", "takes"),
    "index_reused": Measured("takes", "loses content", "takes", "loses content", "takes"),
    "index_not_consecutive": Measured(
        "takes",
        "raises IndexError",
        "takes",
        "raises IndexError",
        "takes",
    ),
    "blocks_overlap": Measured("takes", "takes", "takes", "takes", "takes"),
    "blocks_interleave": Measured("takes", "takes", "takes", "takes", "takes"),
    "delta_without_block": Measured(
        "takes",
        "raises IndexError",
        "takes",
        "raises IndexError",
        "takes",
    ),
    "delta_after_block_stop": Measured("takes", "takes", "takes", "takes", "takes"),
    "delta_type_mismatch": Measured("takes", "loses content", "takes", "loses content", "takes"),
    "block_stop_without_start": Measured(
        "takes",
        "raises IndexError",
        "takes",
        "raises IndexError",
        "takes",
    ),
    "block_stop_repeated": Measured("takes", "takes", "takes", "takes", "takes"),
    "block_not_stopped": Measured("takes", "takes", "takes", "takes", "takes"),
    "content_after_stop_reason": Measured("takes", "takes", "takes", "takes", "takes"),
    "content_after_message_stop": Measured(
        "takes",
        "takes",
        "takes",
        "takes",
        "raises ProtocolError",
    ),
    "message_delta_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_delta_after_message_stop": Measured("takes", "takes", "takes", "takes", "takes"),
    "stop_reason_erased": Measured(
        "takes",
        "takes, but loses stop_reason",
        "takes",
        "takes, but loses stop_reason",
        "takes",
    ),
    "message_stop_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_stop_repeated": Measured("takes", "takes", "takes", "takes", "takes"),
    "stream_cut": Measured("takes", "takes", "takes", "takes", "raises IncompleteStreamError"),
    "event_after_error": Measured("takes", "takes", "takes", "takes", "takes"),
    "index_missing": Measured(
        "takes",
        "raises TypeError",
        "takes",
        "raises TypeError",
        "raises DecodeError",
    ),
    "content_block_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "raises DecodeError",
    ),
    "block_type_missing": Measured("takes", "takes", "takes", "takes", "raises DecodeError"),
    "tool_name_missing": Measured("takes", "takes", "takes", "takes", "raises DecodeError"),
    "delta_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "raises DecodeError",
    ),
    "delta_string_misfit": Measured(
        "takes",
        "raises TypeError",
        "takes",
        "raises TypeError",
        "raises DecodeError",
    ),
    "too_deep": Measured("takes", "takes", "takes", "takes", "raises DecodeError"),
    "message_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "takes",
    ),
    "message_content_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "takes",
    ),
    "message_usage_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "takes",
    ),
    "message_id_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_type_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_role_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_model_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_stop_fields_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "count_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "message_delta_delta_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "takes",
    ),
    "message_delta_fields_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "final_usage_missing": Measured(
        "takes",
        "raises AttributeError",
        "takes",
        "raises AttributeError",
        "takes",
    ),
    "final_count_missing": Measured(
        "takes",
        "takes, but loses output_tokens",
        "takes",
        "takes, but loses output_tokens",
        "takes",
    ),
    "block_string_missing": Measured(
        "takes",
        "raises TypeError",
        "takes",
        "raises TypeError",
        "takes",
    ),
    "delta_string_missing": Measured(
        "takes",
        "raises TypeError",
        "takes",
        "raises TypeError",
        "takes",
    ),
    "delta_type_missing": Measured(
        "loses content",
        "loses content",
        "loses content",
        "loses content",
        "takes",
    ),
    "tool_input_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "tool_id_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "misfit_value": Measured("takes", "takes", "takes", "takes", "takes"),
    "stop_reason_missing": Measured("takes", "takes", "takes", "takes", "takes"),
    "stop_reason_unknown": Measured("takes", "takes", "takes", "takes", "takes"),
    "tool_use_without_stop_reason": Measured("takes", "takes", "takes", "takes", "takes"),
    "stop_reason_without_tool_use": Measured("takes", "takes", "takes", "takes", "takes"),
    "tool_input_invalid": Measured(
        "takes",
        "raises ValueError",
        "takes",
        "raises ValueError",
        "takes",
    ),
    "tool_id_repeated": Measured("takes", "takes", "takes", "takes", "takes"),
    "thinking_without_signature": Measured("takes", "takes", "takes", "takes", "takes"),
    "count_falls": Measured("takes", "takes", "takes", "takes", "takes"),
    "error_misshapen": Measured("takes", "takes", "takes", "takes", "takes"),
}
