"""The rules that a stream should keep: what each promises, and how to mend a stream that breaks it.

`RULES` has a row for each rule. The groups are: wire (bytes and lines), order (of the events),
essential (without which an event cannot be read), fields (of an event) and data (what the message
amounts to). How bad it is to break a rule is measured, not decided: see measured.py.

The reader of the texts is the author of a server, who knows nothing of this package. Where no page
promises something, the text says so, and that all recorded streams of the API, or the official SDK,
show it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RULES", "Rule", "page_of_rule"]


class Rule(NamedTuple):
    """A rule that a stream should keep.

    Attributes:
        name: The name, as `Finding.rule` and `ChunkviewError.rule` have it.
        group: What the rule is about: "wire", "order", "essential", "fields" or "data".
        problem: What is wrong where the rule is broken: a clause, without a full stop.
        promise: What the API does, in a sentence or two.
        source: Where that is documented, a URL; of what is not, the page that comes closest.
        mend: What a server has to send instead, in a sentence or two.
    """

    name: str
    group: str
    problem: str
    promise: str
    source: str
    mend: str

    @property
    def severity(self) -> str:
        """How bad it is to break the rule: "error" or "warning".

        The page "Why a stream breaks" says which is which. A rule that is not measured yet counts
        as an error.
        """
        from .measured import MEASURED  # only a broken rule asks for it, and it loads slowly

        outcomes = MEASURED.get(self.name, ("not measured",))
        return "warning" if all(outcome == "takes" for outcome in outcomes) else "error"

    @property
    def page(self) -> str:
        """Where this documentation explains the rule, a URL."""
        return page_of_rule(self.name)

    @property
    def sdk(self) -> str:
        """What the official SDK does where the rule is broken: a sentence, or "" if not measured.

        This was measured with the smallest stream that breaks the rule, through the oldest and the
        newest release of the SDK that chunkview supports.
        """
        from .measured import MEASURED, VERSIONS

        measured = MEASURED.get(self.name)
        if measured is None:
            return ""
        oldest = measured.oldest_events, measured.oldest_helper
        newest = measured.newest_events, measured.newest_helper
        sentence = _act("The official SDK", *newest)
        if oldest != newest:
            sentence += f" In version {VERSIONS[0]}, {_act('the SDK', *oldest)}"
        return sentence

    @property
    def chunkview(self) -> str:
        """What chunkview does where the rule is broken: a sentence, or "" if not measured."""
        from .measured import MEASURED

        measured = MEASURED.get(self.name)
        if measured is None:
            return ""
        return f"chunkview {measured.chunkview.replace('takes', 'takes the stream')}."


def page_of_rule(name: str) -> str:
    """Give the URL of what this documentation says about a rule."""
    return f"{_RULES_PAGE}#{name}"


def _act(sdk: str, events: str, helper: str) -> str:
    """Say what an SDK does, from its two outcomes."""
    iterating, helping = (
        outcome.replace("takes", "takes it").replace("but loses", "but loses the")
        for outcome in (events, helper)
    )
    if iterating == helping:
        return f"{sdk} {helping.replace('takes it', 'takes the stream')}."
    return f"messages.stream() {helping}; messages.create(stream=True) {iterating}."


_RULES_PAGE = "https://chunkview.github.io/chunkview/why-a-stream-breaks.html"
_STREAMING = "https://docs.anthropic.com/en/api/messages-streaming"
_MESSAGES = "https://docs.anthropic.com/en/api/messages"
_STOP_REASONS = "https://docs.anthropic.com/en/api/handling-stop-reasons"
_ERRORS = "https://docs.anthropic.com/en/api/errors"
_TOOL_USE = "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use"
_SDK = "https://github.com/anthropics/anthropic-sdk-python/blob/main/src/anthropic"
_EVENT_STREAM = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_JSON = "https://www.rfc-editor.org/rfc/rfc8259"


def _rules(group: str, **texts: tuple[str, ...]) -> dict[str, Rule]:
    """Make the rules of a group."""
    return {name: Rule(name, group, *row) for name, row in texts.items()}


def _texts(*, problem: str, promise: str, source: str, mend: str) -> tuple[str, ...]:
    """Give the texts of a rule in the order of its fields."""
    return problem, promise, source, mend


RULES: dict[str, Rule] = {
    **_rules(
        "wire",
        event_line_missing=_texts(
            problem="an event has no event: line",
            promise=(
                "Each event has an `event:` line with its name, and then its `data:` line. The "
                "official SDK skips an event without the name."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `event: content_block_delta` before the `data:` line, with the same name as "
                "`type` in the data."
            ),
        ),
        event_line_differs=_texts(
            problem="the event: line and the type in the data differ",
            promise="The name in the `event:` line and the `type` in the data are always the same.",
            source=f"{_STREAMING}#event-types",
            mend=(
                "Write the `event:` line from the `type` of the same data: `event: ping`, then "
                '`data: {"type": "ping"}`.'
            ),
        ),
        event_type_missing=_texts(
            problem="the data of an event has no type",
            promise="The data of each event names the event in `type`, as the `event:` line does.",
            source=f"{_STREAMING}#event-types",
            mend=(
                'Put the name of the `event:` line into the data, for example `data: {"type": '
                '"message_stop"}`.'
            ),
        ),
        data_not_object=_texts(
            problem="the data of an event is not a JSON object",
            promise=(
                "The data of each event is one JSON object, also that of `ping` and `message_stop`."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send one JSON object on one `data:` line, then a blank line. Send any other text "
                "as a comment, such as `: keep-alive`."
            ),
        ),
        done_marker=_texts(
            problem="[DONE] was sent, the end marker of another API",
            promise=(
                "The stream ends after `message_stop`. `[DONE]` belongs to OpenAI's API; this one "
                "does not send it."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Remove `data: [DONE]`. The event `message_stop` tells clients that the message is "
                "over."
            ),
        ),
        done_marker_named=_texts(
            problem="[DONE] was sent as the data of a named event",
            promise=(
                "The data of a named event is JSON. The official SDK parses it, and raises at "
                "`[DONE]`."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Remove the whole event, for example `event: data` with `data: [DONE]`. End the "
                "stream with `message_stop`."
            ),
        ),
        byte_order_mark=_texts(
            problem="the body begins with a byte order mark",
            promise=(
                "The body begins with `event:`, as all recorded streams show. The official SDK "
                "takes a byte order mark for a part of the first line and loses that event."
            ),
            source=f"{_EVENT_STREAM}#parsing-an-event-stream",
            mend=(
                "Write the body as UTF-8 without a byte order mark; in Python that is `utf-8`, not "
                "`utf-8-sig`."
            ),
        ),
        last_event_unterminated=_texts(
            problem="the last event has no blank line after it",
            promise=(
                "A blank line ends each event, the last one too. By the standard, clients drop an "
                "event that the end of the body cuts off, whether an error or only `message_stop`."
            ),
            source=f"{_EVENT_STREAM}#event-stream-interpretation",
            mend=(
                "Send two line feeds after the data of each event, also after that of "
                "`message_stop`, before you close the connection."
            ),
        ),
        control_character=_texts(
            problem="a string has a raw control character in it",
            promise=(
                "JSON allows no character below U+0020 in a string. The API writes it as an "
                "escape, such as `\\n`."
            ),
            source=f"{_JSON}#section-7",
            mend=(
                "Write the data with a JSON library, not by joining strings. A line feed in a "
                "string becomes `\\n`, a tab becomes `\\t`."
            ),
        ),
        half_character=_texts(
            problem="a string has half a character in it, a lone surrogate",
            promise=(
                "Each string has whole characters only (not documented; all recorded streams have "
                "it so). The JSON standard leaves open what a parser makes of half a surrogate "
                "pair."
            ),
            source=f"{_JSON}#section-8.2",
            mend=(
                "Hold text back until its last character is whole. Send both halves in one delta: "
                "`\\ud83d\\ude00`, or the character in UTF-8."
            ),
        ),
        body_is_message=_texts(
            problem="the body is one JSON message instead of a stream of events",
            promise=(
                'The answer to a request with `"stream": true` is a stream of events. The answer '
                "to any other request is one JSON object, and then nothing is wrong."
            ),
            source=_STREAMING,
            mend=(
                "Send the header `Content-Type: text/event-stream`, and the message as events, "
                "from `message_start` to `message_stop`."
            ),
        ),
        body_is_error=_texts(
            problem="the body is one error document instead of a stream of events",
            promise=(
                "An error before the stream has a status of 4xx or 5xx and a JSON body: then "
                "nothing is wrong. An error after the status 200 is an `error` event in the "
                "stream."
            ),
            source=f"{_ERRORS}#http-errors",
            mend=(
                "Send the document with a status of 4xx or 5xx. If the status was 200 already, "
                "send `event: error` and the document as its `data:` line."
            ),
        ),
    ),
    **_rules(
        "order",
        message_start_missing=_texts(
            problem="an event of a message came before message_start",
            promise=(
                "`message_start` is the first event of a message; its blocks and its end come "
                "later."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `message_start` before any other event of the message. Only `ping` and "
                "`error` may come earlier."
            ),
        ),
        message_start_repeated=_texts(
            problem="message_start came again for the same message",
            promise="A stream has exactly one `message_start`.",
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Send `message_start` once. What you learn later, such as the token counts, "
                "belongs in `message_delta`."
            ),
        ),
        second_message=_texts(
            problem="message_start came again, for a second message",
            promise="One response brings one message. The next message needs a request of its own.",
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "End the response after the first `message_stop`. If you ask another model again, "
                "do not pass on its `message_start`."
            ),
        ),
        block_start_repeated=_texts(
            problem="content_block_start came again for an open block",
            promise="Each content block has exactly one `content_block_start`.",
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `content_block_start` once for a block, before its first delta, and not "
                "again with each piece."
            ),
        ),
        index_reused=_texts(
            problem="content_block_start has the index of an earlier block",
            promise=(
                "The `index` of a block is its place in the `content` of the message, so no two "
                "blocks share an index."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Keep one counter for all blocks (text, thinking and tool uses), and raise it by 1 "
                "at each `content_block_start`."
            ),
        ),
        index_not_consecutive=_texts(
            problem="content_block_start does not have the next index",
            promise=(
                "The first block has the `index` 0, and each block that starts has the next number."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Number the blocks that you send: 0, 1, 2. Do not count a block that you leave "
                "out, such as thinking that you hide."
            ),
        ),
        blocks_overlap=_texts(
            problem="content_block_start came while a block of another index was open",
            promise=(
                "Blocks follow one another: start, deltas, stop, and then the next start (not "
                "documented; all recorded streams have it so)."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `content_block_stop` for the open block before you send the next "
                "`content_block_start`."
            ),
        ),
        blocks_interleave=_texts(
            problem="content_block_delta came for a block after the next one had started",
            promise=(
                "All deltas of a block come before the next block starts (not documented; all "
                "recorded streams have it so)."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Finish a block before you start the next. If tools are called in parallel, "
                "collect their input and send one call after the other."
            ),
        ),
        delta_without_block=_texts(
            problem="content_block_delta has an index at which no block started",
            promise=(
                "A delta changes the block at its `index`, and that block has had its "
                "`content_block_start`."
            ),
            source=f"{_STREAMING}#content-block-delta-types",
            mend=(
                'First send `data: {"type": "content_block_start", "index": 0, "content_block": '
                '{"type": "text", "text": ""}}`, with the index of the delta.'
            ),
        ),
        delta_after_block_stop=_texts(
            problem="content_block_delta came for a block that had ended",
            promise="The `content_block_stop` comes after all deltas of its block.",
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Send `content_block_stop` after the last delta. If more content comes, start a "
                "new block with the next index."
            ),
        ),
        delta_type_mismatch=_texts(
            problem="content_block_delta has a delta that does not fit the open block",
            promise=(
                "Text takes `text_delta` and `citations_delta`, thinking takes `thinking_delta` "
                "and `signature_delta`, and a tool use takes `input_json_delta`."
            ),
            source=f"{_STREAMING}#content-block-delta-types",
            mend=(
                "When the kind of content changes, send `content_block_stop`, and then a "
                "`content_block_start` with the next index and the new type."
            ),
        ),
        block_stop_without_start=_texts(
            problem="content_block_stop has an index at which no block started",
            promise="A `content_block_stop` has the `index` of a block that started before.",
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `content_block_stop` only for an index that you have started. Leave an empty "
                "block out as a whole, with its stop."
            ),
        ),
        block_stop_repeated=_texts(
            problem="content_block_stop came for a block that had ended",
            promise="Each content block has exactly one `content_block_stop`.",
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send `content_block_stop` once for a block. Note which index is open, and forget "
                "it when you send the stop."
            ),
        ),
        block_not_stopped=_texts(
            problem="content_block_stop is missing",
            promise=(
                "Each block that starts gets its `content_block_stop`, before `message_delta` and "
                "`message_stop`."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                'Before `message_delta`, send `data: {"type": "content_block_stop", "index": 0}` '
                "with the index of the open block, also if a limit ended the reply."
            ),
        ),
        content_after_stop_reason=_texts(
            problem="content came after the stop_reason",
            promise="The `message_delta` that brings the `stop_reason` comes after the last block.",
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Keep the `stop_reason` until you have sent the last `content_block_stop`, and "
                "then send it in `message_delta`."
            ),
        ),
        content_after_message_stop=_texts(
            problem="content came after message_stop",
            promise=(
                "`message_stop` is the last event of a message. No block starts or grows after it."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send all text and tool input that you have buffered before `message_delta` and "
                "`message_stop`."
            ),
        ),
        message_delta_missing=_texts(
            problem="message_stop came without a message_delta before it",
            promise=(
                "At least one `message_delta` comes before `message_stop`. It brings the "
                "`stop_reason` and the final token counts."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                'Before `message_stop`, send `data: {"type": "message_delta", "delta": '
                '{"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": '
                "15}}`."
            ),
        ),
        message_delta_after_message_stop=_texts(
            problem="message_delta came after message_stop",
            promise=(
                "`message_stop` comes after every `message_delta`. A client may stop reading there."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Wait until the final token counts are known. Send them in `message_delta`, and "
                "`message_stop` after it."
            ),
        ),
        stop_reason_erased=_texts(
            problem="message_delta came again, without the stop_reason",
            promise=(
                "Once a `stop_reason` was sent, it does not become null again. The official SDK "
                "keeps what the last `message_delta` says."
            ),
            source=f"{_STOP_REASONS}#streaming-considerations",
            mend=(
                "Send one `message_delta` with the `stop_reason` and the final counts, or repeat "
                "the `stop_reason` in each later one."
            ),
        ),
        message_stop_missing=_texts(
            problem="message_stop is missing at the end of the stream",
            promise="`message_stop` ends each message that is whole.",
            source=f"{_STREAMING}#event-types",
            mend=(
                'Send `event: message_stop` and `data: {"type": "message_stop"}` after the last '
                "`message_delta`."
            ),
        ),
        message_stop_repeated=_texts(
            problem="message_stop came again",
            promise=(
                "A stream has exactly one `message_stop`, and nothing of the message comes after "
                "it."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend="Send `message_stop` once. If you pass on a stream that has its own, add none.",
        ),
        stream_cut=_texts(
            problem="the stream ended without message_stop or a stop_reason",
            promise=(
                "A message is over when its `stop_reason` and `message_stop` have come. A stream "
                "that ends earlier was cut off."
            ),
            source=f"{_STREAMING}#full-http-stream-response",
            mend=(
                "Send `message_delta` with a `stop_reason`, and then `message_stop`; if the model "
                "failed, an `error` event instead. If no event came at all, look whether the "
                "request reached the server."
            ),
        ),
        event_after_error=_texts(
            problem="an event came after an error event",
            promise=(
                "An `error` event ends the stream. This is not documented, but the official SDK "
                "raises there and reads nothing that follows."
            ),
            source=f"{_SDK}/_streaming.py",
            mend=(
                "Close the connection after the `error` event. Send no `content_block_stop`, "
                "`message_delta` or `message_stop` after it."
            ),
        ),
    ),
    **_rules(
        "essential",
        index_missing=_texts(
            problem="the index of a block's event is missing or is not a whole number from 0 on",
            promise=(
                "`content_block_start`, `content_block_delta` and `content_block_stop` have an "
                "`index`, a whole number from 0 on."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                'Send the place of the block in all three events: `"index": 0` for the first '
                "block, then 1, 2 and so on."
            ),
        ),
        content_block_missing=_texts(
            problem="content_block_start has no content_block",
            promise=(
                "`content_block_start` has an object `content_block`: the type of the block, and "
                "its fields before any delta."
            ),
            source=f"{_STREAMING}#basic-streaming-request",
            mend='Send `"content_block": {"type": "text", "text": ""}` beside the `index`.',
        ),
        block_type_missing=_texts(
            problem="a content block has no type",
            promise="Each content block has a `type`, which says what its other fields are.",
            source=_MESSAGES,
            mend=(
                "Put the `type` into the `content_block`: `text`, `thinking`, `tool_use`, or "
                "another one of the API."
            ),
        ),
        tool_name_missing=_texts(
            problem="a tool use has no name",
            promise="A tool use starts with its whole `name`, that of a tool in the request.",
            source=f"{_STREAMING}#streaming-request-with-tool-use",
            mend=(
                'Wait for the whole name, and then send `"content_block": {"type": "tool_use", '
                '"id": "toolu_01", "name": "get_weather", "input": {}}`.'
            ),
        ),
        delta_missing=_texts(
            problem="content_block_delta has no delta",
            promise=(
                "`content_block_delta` has an object `delta`: its type, and the next piece of the "
                "block."
            ),
            source=f"{_STREAMING}#content-block-delta-types",
            mend=(
                'Send `"delta": {"type": "text_delta", "text": "Hello"}` beside the `index`. If '
                "there is no piece to send, send no event."
            ),
        ),
        delta_string_misfit=_texts(
            problem="the text, partial_json, thinking or signature of a delta is not a string",
            promise=(
                "The piece that a delta brings is a string. Tool input is sent as JSON text too, "
                "in pieces."
            ),
            source=f"{_STREAMING}#input-json-delta",
            mend=(
                'Send a string: `"partial_json": "{\\"city\\": \\"Oslo\\"}"` instead of the '
                'object, `"text": "5"` instead of 5.'
            ),
        ),
        too_deep=_texts(
            problem="the objects and arrays of an event are nested deeper than 200 levels",
            promise=(
                "Events are shallow: all recorded ones have at most 4 levels. The JSON standard "
                "lets each parser set a limit."
            ),
            source=f"{_JSON}#section-9",
            mend=(
                "Send at most 200 levels of objects and arrays in an event. Send a deeper value as "
                "a string of JSON text."
            ),
        ),
    ),
    **_rules(
        "fields",
        message_missing=_texts(
            problem="message_start has no message",
            promise=(
                "`message_start` has an object `message`: a message with all its fields, but "
                "without content so far."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                'Send `"message": {"id": …, "type": "message", "role": "assistant", "model": …, '
                '"content": [], "stop_reason": null, "stop_sequence": null, "usage": …}`.'
            ),
        ),
        message_content_missing=_texts(
            problem="the message of message_start has no content",
            promise=(
                "The `content` in `message_start` is an empty array. The official SDK appends the "
                "blocks to it."
            ),
            source=f"{_STREAMING}#event-types",
            mend='Add `"content": []` to the message in `message_start`: an empty array, not null.',
        ),
        message_usage_missing=_texts(
            problem="the message of message_start has no usage",
            promise="The message in `message_start` has a `usage` with the tokens counted so far.",
            source=f"{_STREAMING}#basic-streaming-request",
            mend=(
                'Add `"usage": {"input_tokens": 25, "output_tokens": 1}` to the message in '
                "`message_start`, with your counts."
            ),
        ),
        message_id_missing=_texts(
            problem="the message of message_start has no id",
            promise="Each message has an `id` of its own, a string.",
            source=_MESSAGES,
            mend=(
                'Add an `id` to the message in `message_start`, a new one for each reply: `"id": '
                '"msg_01"`.'
            ),
        ),
        message_type_missing=_texts(
            problem="the message of message_start has no type",
            promise="The `type` of a message is always `message`.",
            source=_MESSAGES,
            mend='Add `"type": "message"` to the message in `message_start`.',
        ),
        message_role_missing=_texts(
            problem="the message of message_start has no role",
            promise="The `role` of a reply is always `assistant`.",
            source=_MESSAGES,
            mend='Add `"role": "assistant"` to the message in `message_start`.',
        ),
        message_model_missing=_texts(
            problem="the message of message_start has no model",
            promise="Each message names the `model` that wrote it.",
            source=_MESSAGES,
            mend=(
                'Add `"model": "my-model"` to the message in `message_start`, with the name of the '
                "model that answers."
            ),
        ),
        message_stop_fields_missing=_texts(
            problem="the message of message_start has no stop_reason or no stop_sequence",
            promise=(
                "The message in `message_start` has a `stop_reason` and a `stop_sequence`. Both "
                "are null there."
            ),
            source=f"{_STREAMING}#basic-streaming-request",
            mend=(
                'Add `"stop_reason": null, "stop_sequence": null` to the message in '
                "`message_start`."
            ),
        ),
        count_missing=_texts(
            problem="the usage of message_start has no input_tokens or no output_tokens",
            promise=(
                "The `usage` in `message_start` has `input_tokens` and `output_tokens`, both as "
                "numbers."
            ),
            source=_MESSAGES,
            mend=(
                "Send both counts. If one is not known at the start, send 0 there, and the true "
                "count in `message_delta`."
            ),
        ),
        message_delta_delta_missing=_texts(
            problem="message_delta has no delta",
            promise=(
                "`message_delta` has an object `delta` with the fields of the message that change."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                'Send `"delta": {"stop_reason": "end_turn", "stop_sequence": null}` in '
                "`message_delta`, beside the `usage`."
            ),
        ),
        message_delta_fields_missing=_texts(
            problem="the delta of message_delta has no stop_reason or no stop_sequence",
            promise=(
                "The `delta` of `message_delta` has both keys (not documented; all recorded "
                "streams have them). The `stop_sequence` is null if none was hit."
            ),
            source=f"{_STREAMING}#basic-streaming-request",
            mend=(
                'Send both keys, with null where there is no value: `"stop_reason": "end_turn", '
                '"stop_sequence": null`.'
            ),
        ),
        final_usage_missing=_texts(
            problem="message_delta has no usage",
            promise=(
                "`message_delta` has a `usage` (not documented; all recorded streams have it). The "
                "types of the official SDK require it, and the SDK raises without it."
            ),
            source=f"{_SDK}/types/raw_message_delta_event.py",
            mend=(
                'Add a usage, such as `"usage": {"output_tokens": 15}`, to `message_delta`, beside '
                "the `delta`. The number is the total of the message."
            ),
        ),
        final_count_missing=_texts(
            problem="the usage of message_delta has no output_tokens",
            promise=(
                "The `usage` of `message_delta` has `output_tokens`, the total of the message so "
                "far (not documented; all recorded streams have it)."
            ),
            source=f"{_SDK}/types/message_delta_usage.py",
            mend=(
                "Add `output_tokens` to the `usage` of `message_delta`. Count text, thinking and "
                "tool input together."
            ),
        ),
        block_string_missing=_texts(
            problem="content_block_start lacks the string of its block",
            promise=(
                'A text block starts with `"text": ""`, a thinking block with `"thinking": ""`. '
                "The deltas add to that string; a redacted_thinking block starts with all of its "
                "`data`."
            ),
            source=f"{_STREAMING}#basic-streaming-request",
            mend=(
                'Start a block with its empty string: `{"type": "text", "text": ""}` or `{"type": '
                '"thinking", "thinking": "", "signature": ""}`.'
            ),
        ),
        delta_string_missing=_texts(
            problem="the delta of content_block_delta lacks the field of its type",
            promise=(
                "`text_delta` has `text`, `input_json_delta` has `partial_json`, `thinking_delta` "
                "has `thinking`, `signature_delta` has `signature`, `citations_delta` has "
                "`citation`."
            ),
            source=f"{_STREAMING}#content-block-delta-types",
            mend=(
                "Add the field that belongs to the type of the delta. If the block gets nothing "
                "new, send no event."
            ),
        ),
        delta_type_missing=_texts(
            problem="the delta of content_block_delta has no type",
            promise="Each `delta` of a block has a `type`, which says what it adds to.",
            source=f"{_STREAMING}#content-block-delta-types",
            mend=(
                'Add the `type` to the `delta`, for example `{"type": "text_delta", "text": '
                '"Hello"}`.'
            ),
        ),
        tool_input_missing=_texts(
            problem="a tool use starts without an input",
            promise=(
                'A tool use starts with `"input": {}`. The input itself follows as '
                "`input_json_delta` events."
            ),
            source=f"{_STREAMING}#streaming-request-with-tool-use",
            mend=(
                'Add `"input": {}` to the `content_block` of a tool use, also if the tool takes no '
                "arguments."
            ),
        ),
        tool_id_missing=_texts(
            problem="a tool use has no id",
            promise=(
                "Each tool use has an `id`. The client sends it back as `tool_use_id`, with the "
                "result of the tool."
            ),
            source=f"{_TOOL_USE}#handling-results-from-client-tools",
            mend=(
                'Add an `id` to the `content_block` of a tool use: `"id": "toolu_01"`. Accept it '
                "as the `tool_use_id` of the result."
            ),
        ),
        misfit_value=_texts(
            problem="a value is of another JSON type than in the API",
            promise=(
                "Each field has its JSON type: an id is a string, a token count is a whole number, "
                "`content` is an array, `usage` is an object."
            ),
            source=_MESSAGES,
            mend=(
                'Send the value with the type that the API has for it: `"input_tokens": 25`, not '
                '`"input_tokens": "25"`.'
            ),
        ),
    ),
    **_rules(
        "data",
        stop_reason_missing=_texts(
            problem="the message has no stop_reason",
            promise=(
                "Each whole message has a `stop_reason`, and a stream brings it in `message_delta`."
            ),
            source=f"{_STOP_REASONS}#streaming-considerations",
            mend=(
                "Send the `stop_reason` in `message_delta`: `end_turn` if the model was done, "
                "`max_tokens` at the limit, `tool_use` after a tool use."
            ),
        ),
        stop_reason_unknown=_texts(
            problem="the API does not have this stop_reason",
            promise=(
                "A `stop_reason` is `end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, "
                "`pause_turn`, `refusal` or `model_context_window_exceeded`, in a beta "
                "`compaction`."
            ),
            source=f"{_STOP_REASONS}#stop-reason-values",
            mend=(
                "Translate the word of your engine: `stop` is `end_turn`, `length` is "
                "`max_tokens`, `tool_calls` is `tool_use`, `content_filter` is `refusal`."
            ),
        ),
        tool_use_without_stop_reason=_texts(
            problem="a tool is called, but the stop_reason is end_turn or stop_sequence",
            promise="After a tool use that the client has to run, the `stop_reason` is `tool_use`.",
            source=f"{_STOP_REASONS}#tool-use",
            mend=(
                'Send `"stop_reason": "tool_use"` in `message_delta` when the message has a '
                "`tool_use` block."
            ),
        ),
        stop_reason_without_tool_use=_texts(
            problem="the stop_reason is tool_use, but no tool is called",
            promise=(
                "The `stop_reason` `tool_use` asks the client to run a tool. The message has a "
                "`tool_use` block for it."
            ),
            source=f"{_STOP_REASONS}#tool-use",
            mend=(
                "Send the tool call as a `tool_use` block, not as text. If there is no call, send "
                "`end_turn`."
            ),
        ),
        tool_input_invalid=_texts(
            problem="the input of a tool use is not a JSON object",
            promise=(
                "The pieces of a tool's input, joined, are one JSON object. Only fine-grained tool "
                "streaming and a stop at `max_tokens` may leave it broken."
            ),
            source=f"{_STREAMING}#input-json-delta",
            mend=(
                "Write the input with `json.dumps(input)`, not `str(input)`, and send all of it "
                "before `content_block_stop`, each piece once. Without arguments, send `{}` or "
                "nothing."
            ),
        ),
        tool_id_repeated=_texts(
            problem="another tool use has the same id",
            promise=(
                "Each tool use has an `id` that no other one has. It tells which result belongs to "
                "which call."
            ),
            source=f"{_TOOL_USE}#handling-results-from-client-tools",
            mend=(
                "Make a new `id` for each tool use, also for two calls of one tool: `toolu_01`, "
                "`toolu_02`."
            ),
        ),
        thinking_without_signature=_texts(
            problem="the thinking has no signature",
            promise=(
                "A `signature_delta` is the last delta of a thinking block. The API checks the "
                "signature when the client sends the block back."
            ),
            source=f"{_STREAMING}#thinking-delta",
            mend=(
                'Send `{"type": "signature_delta", "signature": "…"}` as the last delta. Clients '
                "do not read it: any text that you accept later will do."
            ),
        ),
        count_falls=_texts(
            problem="a token count is lower than the one before it",
            promise=(
                "The counts in `message_delta` are totals of the message so far. They do not fall."
            ),
            source=f"{_STREAMING}#event-types",
            mend=(
                "Send totals, not the tokens since the last event. Leave an input count out if you "
                "do not know it; do not send 0."
            ),
        ),
        error_misshapen=_texts(
            problem="the error event does not have the form of the API",
            promise=(
                "An error is an object with the `type` `error`, and in its `error` another `type` "
                "and a `message`, both strings."
            ),
            source=f"{_ERRORS}#error-shapes",
            mend=(
                'Send `event: error`, and then `data: {"type": "error", "error": {"type": '
                '"api_error", "message": "The model failed"}}`.'
            ),
        ),
    ),
}
"""The rules, by name."""
