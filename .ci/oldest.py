"""Prints a constraints file for pip: the oldest versions that pyproject.toml allows.

`make test-oldest` installs them. A requirement without a `>=` is left to pip.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"

# Python 3.10 has no module for TOML. Each requirement is a string of its own, so a pattern will do.
FLOORS = re.compile(r'"([A-Za-z0-9-]+)(?:\[[a-z]+\])?>=([0-9.]+)"')


def constraints() -> dict[str, str]:
    """The oldest version of each distribution.

    Raises:
        SystemExit: pyproject.toml gives two oldest versions of one distribution.
    """
    oldest: dict[str, str] = {}
    for name, version in FLOORS.findall(PROJECT.read_text(encoding="utf-8")):
        if oldest.setdefault(name, version) != version:
            raise SystemExit(f"pyproject.toml: {name}>={oldest[name]} and {name}>={version}")
    return oldest


for name, version in constraints().items():
    sys.stdout.write(f"{name}=={version}\n")
