"""The rules of a stream, and the findings of those that a stream breaks.

`findings` of `chunkview.Accumulator` and `chunkview.AnthropicStream` has a `Finding` for each rule
and block; `error.rule` of a `chunkview.ProtocolError` is the name of a rule. `RULES` says of each
rule what is wrong when it is broken, and how bad that is.
"""

from __future__ import annotations

from ._rules import RULES, Finding, Rule

__all__ = ["RULES", "Finding", "Rule"]
