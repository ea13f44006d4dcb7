"""The rules of a stream, and the findings of those that a stream breaks.

`check` gives the findings of a whole source. `findings` of `chunkview.AnthropicStream` has those of
a stream that is being read, and `findings` of `chunkview.Accumulator` those about order and data.
`error.rule` of an exception is the name of the rule that the stream breaks. `RULES` says of each
rule what the API promises, how bad it is to break it, and how to mend that.
"""

from __future__ import annotations

from ._rules import RULES, Finding, Rule
from ._stream import check

__all__ = ["RULES", "Finding", "Rule", "check"]
