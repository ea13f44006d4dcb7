"""A loopback stand-in for Anthropic's API that streams recorded bodies.

It speaks enough of the Messages API, over real sockets, that code written against the `anthropic`
package runs offline and unchanged. The caller chooses the bodies; `recordings/` has a few. The
server does not check a body: it sends a broken one unchanged.

`_server` starts and ends the threads, `_requests` reads requests, `_handler` answers them, and
`_replies` holds what the answers are.
"""

from __future__ import annotations

from ._replies import ApiError, ReceivedRequest, RecordedAnswer, Reply
from ._server import ReplayServer

__all__ = ["ApiError", "ReceivedRequest", "RecordedAnswer", "ReplayServer", "Reply"]
