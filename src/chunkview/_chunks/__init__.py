"""One event: the chunk views, and how any event is decoded to one."""

from __future__ import annotations

from .contract import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    FinishReason,
    MessageStreamEvent,
    WrappedEvent,
    common_finish_reasons,
)
from .decode import DELTAS, EVENTS, STRING_DELTAS, decode, decode_object
from .encode import encode
from .error import ErrorChunk, is_error
from .folding import (
    DONE,
    events_of_document,
    events_of_whole_message,
    fold,
    is_message,
    refuse_joined,
)
from .origin import Origin, kept_by
from .sources import event_dict, new_event_dict, sdk_event_dict, text_event_dict
from .variants import (
    ChunkView,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    HelperEventChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
)
from .wrappers import is_other_message, parent_of, unwrapped

__all__ = [
    "DELTAS",
    "DONE",
    "EVENTS",
    "STRING_DELTAS",
    "AnthropicCallResponseChunk",
    "BaseCallResponseChunk",
    "ChunkView",
    "CitationsDeltaChunk",
    "CompactionDeltaChunk",
    "ContentBlockStartChunk",
    "ContentBlockStopChunk",
    "ErrorChunk",
    "FinishReason",
    "HelperEventChunk",
    "InputJsonDeltaChunk",
    "MessageDeltaChunk",
    "MessageStartChunk",
    "MessageStopChunk",
    "MessageStreamEvent",
    "Origin",
    "PingChunk",
    "SignatureDeltaChunk",
    "TextDeltaChunk",
    "ThinkingDeltaChunk",
    "UnknownChunk",
    "UnknownDeltaChunk",
    "WrappedEvent",
    "common_finish_reasons",
    "decode",
    "decode_object",
    "encode",
    "event_dict",
    "events_of_document",
    "events_of_whole_message",
    "fold",
    "is_error",
    "is_message",
    "is_other_message",
    "kept_by",
    "new_event_dict",
    "parent_of",
    "refuse_joined",
    "sdk_event_dict",
    "text_event_dict",
    "unwrapped",
]
