"""A loopback stand-in for Anthropic's API that streams recorded bodies.

It speaks enough of the Messages API, over real sockets, that code written against the `anthropic`
package runs offline and unchanged. The caller chooses the bodies; `recordings/` has a few. The
server does not check a body: it sends a broken one unchanged.

`_server` starts and ends the threads, `_requests` reads requests, `_handler` answers them,
`_replies` holds what the answers are, `_faults` what goes wrong with them, `_cutting` how bodies
are cut, and `_api` the answers that need no body. `_checks` and `_misuse` refuse wrong arguments.
"""

from __future__ import annotations

from ._faults import CutAfter, ErrorAfter, Fault, Interruption, ResetAfter, StallAfter, Trickle
from ._replies import (
    Answer,
    AnsweredRequest,
    ApiError,
    ReceivedRequest,
    RecordedAnswer,
    Replier,
    Replies,
    Reply,
)
from ._server import ReplayServer

__all__ = [
    "Answer",
    "AnsweredRequest",
    "ApiError",
    "CutAfter",
    "ErrorAfter",
    "Fault",
    "Interruption",
    "ReceivedRequest",
    "RecordedAnswer",
    "ReplayServer",
    "Replier",
    "Replies",
    "Reply",
    "ResetAfter",
    "StallAfter",
    "Trickle",
]
