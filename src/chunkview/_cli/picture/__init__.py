"""`chunkview show --html`: a picture of streams, in one HTML file.

`facts` collects what is shown, as JSON. `page` puts it into the file, beside the program in
picture.js, which draws it.
"""

from __future__ import annotations

from .command import draw

__all__ = ["draw"]
