"""The rules that a stream should keep: what each promises, and how to mend a stream that breaks it.

`RULES` has a row for each rule. The groups are: wire (bytes and lines), order (of the events),
essential (without which an event cannot be read), fields (of an event) and data (what the message
amounts to). How bad it is to break a rule is measured, not decided: see measured.py.
"""

from __future__ import annotations

from typing import NamedTuple

from .measured import MEASURED

__all__ = ["RULES", "Rule"]


class Rule(NamedTuple):
    """A rule that a stream should keep.

    Attributes:
        name: The name, as `Finding.rule` and `ChunkviewError.rule` have it.
        group: What the rule is about: "wire", "order", "essential", "fields" or "data".
        problem: What is wrong where the rule is broken.
        promise: What the API does.
        page: Where that is documented, a URL.
        mend: What a server has to send instead.
    """

    name: str
    group: str
    problem: str
    promise: str = ""
    page: str = ""
    mend: str = ""

    @property
    def severity(self) -> str:
        """How bad it is to break the rule: "error" or "warning".

        It is an error if breaking the rule makes the official SDK raise, or lose or change content,
        or makes chunkview raise.
        """
        return "warning" if all(result == "takes" for result in MEASURED[self.name]) else "error"


def _rules(group: str, *rows: tuple[str, ...]) -> dict[str, Rule]:
    return {row[0]: Rule(row[0], group, *row[1:]) for row in rows}


RULES: dict[str, Rule] = {
    **_rules(
        "wire",
        ("event_line_missing", "an event has no event: line"),
        ("event_line_differs", "the event: line and the type in the data differ"),
        ("event_type_missing", "the data has no type"),
        ("data_not_object", "the data of an event is no JSON object"),
        ("done_marker", "[DONE] came at the end"),
        ("done_marker_named", "[DONE] came as the data of a named event"),
        ("byte_order_mark", "the body begins with a byte order mark"),
        ("last_event_unterminated", "the last event has no blank line after it"),
        ("control_character", "a string has a raw control character in it"),
        ("half_character", "a string has half a character in it, a lone surrogate"),
        ("body_is_message", "the body is a whole message instead of a stream"),
        ("body_is_error", "the body is an error document instead of a stream"),
    ),
    **_rules(
        "order",
        ("message_start_missing", "an event of a message came before message_start"),
        ("message_start_repeated", "message_start came again"),
        ("second_message", "message_start came again, for a second message"),
        ("block_start_repeated", "content_block_start came again for an open block"),
        ("index_reused", "content_block_start has an index that had a block already"),
        ("index_not_consecutive", "content_block_start does not have the next index"),
        ("blocks_overlap", "a block of another index was open at the start"),
        ("blocks_interleave", "content_block_delta came after the next block"),
        ("delta_without_block", "content_block_delta came without a block"),
        ("delta_after_block_stop", "content_block_delta came for a closed block"),
        ("delta_type_mismatch", "content_block_delta does not fit the open block"),
        ("block_stop_without_start", "content_block_stop came without a block"),
        ("block_stop_repeated", "content_block_stop came for a closed block"),
        ("block_not_stopped", "content_block_stop is missing"),
        ("content_after_stop_reason", "content came after the stop_reason"),
        ("content_after_message_stop", "content came after message_stop"),
        ("message_delta_missing", "message_stop came without a message_delta"),
        ("message_delta_after_message_stop", "message_delta came after message_stop"),
        ("stop_reason_erased", "message_delta came again, without a stop_reason"),
        ("message_stop_missing", "the stream ended without message_stop"),
        ("message_stop_repeated", "message_stop came again"),
        ("stream_cut", "the stream ended without message_stop or a stop_reason"),
        ("event_after_error", "an event came after an error event"),
    ),
    **_rules(
        "essential",
        ("index_missing", "an event of a block has no index"),
        ("content_block_missing", "content_block_start has no content_block"),
        ("block_type_missing", "a content block has no type"),
        ("tool_name_missing", "a tool use has no name"),
        ("delta_missing", "content_block_delta has no delta"),
        ("delta_string_misfit", "the string of a delta is something else"),
        ("too_deep", "an event is nested too deep"),
    ),
    **_rules(
        "fields",
        ("message_missing", "message_start has no message"),
        ("message_content_missing", "the message of message_start has no content"),
        ("message_usage_missing", "the message of message_start has no usage"),
        ("message_id_missing", "the message of message_start has no id"),
        ("message_type_missing", "the message of message_start has no type"),
        ("message_role_missing", "the message of message_start has no role"),
        ("message_model_missing", "the message of message_start has no model"),
        (
            "message_stop_fields_missing",
            "the message of message_start has no stop_reason or stop_sequence",
        ),
        ("count_missing", "the usage of message_start lacks a token count"),
        ("message_delta_delta_missing", "message_delta has no delta"),
        (
            "message_delta_fields_missing",
            "the delta of message_delta has no stop_reason or stop_sequence",
        ),
        ("final_usage_missing", "message_delta has no usage"),
        ("final_count_missing", "the usage of message_delta has no output_tokens"),
        ("block_string_missing", "content_block_start has no string for the deltas to add to"),
        ("delta_string_missing", "content_block_delta does not bring what its type says"),
        ("delta_type_missing", "the delta of content_block_delta has no type"),
        ("tool_input_missing", "a tool use starts without an input"),
        ("tool_id_missing", "a tool use has no id"),
        ("misfit_value", "a value is of another type than is due"),
    ),
    **_rules(
        "data",
        ("stop_reason_missing", "the message has no stop_reason"),
        ("stop_reason_unknown", "the API's documentation does not list the stop_reason"),
        ("tool_use_without_stop_reason", "the stop_reason does not say that a tool is called"),
        ("stop_reason_without_tool_use", "the stop_reason is tool_use, but no tool is called"),
        ("tool_input_invalid", "the tool's input is no JSON object"),
        ("tool_id_repeated", "another tool use has the same id"),
        ("thinking_without_signature", "the thinking has no signature"),
        ("count_falls", "a token count is lower than the one before it"),
        ("error_misshapen", "the error event does not have the API's form"),
    ),
}
"""The rules, by name."""
