"""One event: the chunk views, and how any event is decoded to one."""

from __future__ import annotations

from .contract import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    FinishReason,
    MessageStreamEvent,
    common_finish_reasons,
)
from .decode import DELTAS, STRING_DELTAS, decode, decode_object
from .folding import DONE, events_of_document, events_of_message, fold, refuse_joined
from .sources import sdk_event_dict
from .variants import (
    ChunkView,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
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

__all__ = [
    "DELTAS",
    "DONE",
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
    "PingChunk",
    "SignatureDeltaChunk",
    "TextDeltaChunk",
    "ThinkingDeltaChunk",
    "UnknownChunk",
    "UnknownDeltaChunk",
    "common_finish_reasons",
    "decode",
    "decode_object",
    "events_of_document",
    "events_of_message",
    "fold",
    "refuse_joined",
    "sdk_event_dict",
]
