"""Laws: what must be true of your parser, or of a turn that you send, to call in your own tests.

A law raises AssertionError where it does not hold. The error shows the smallest stream that breaks
it, as code to paste.

```python
from chunkview.testing import laws

def test_the_cuts_do_not_matter():
    laws.assert_cuts_do_not_matter(my_parser)
```

A parser is a function. It is called with an iterator over the pieces of a body (bytes, cut
anywhere), and returns anything that can be compared: a list of events, a text, a message. What an
iterator gives is collected in a list. An `async def`, with or without `yield`, is called with an
asynchronous iterator.

`assert_sendable` needs nothing. The other laws need Hypothesis: `pip install 'chunkview[testing]'`.
"""

from __future__ import annotations

from ._laws import (
    Consumer,
    Parser,
    Streams,
    assert_agrees,
    assert_cuts_do_not_matter,
    assert_line_endings_do_not_matter,
    assert_total,
    consumer_machine,
)
from ._sendable import assert_sendable

__all__ = [
    "Consumer",
    "Parser",
    "Streams",
    "assert_agrees",
    "assert_cuts_do_not_matter",
    "assert_line_endings_do_not_matter",
    "assert_sendable",
    "assert_total",
    "consumer_machine",
]
