"""The face of the package: its names, what importing it costs, and which module knows which."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chunkview
import chunkview.testing

PACKAGE = Path(chunkview.__file__).parent
MODULES = ["chunkview"] + [
    module.name for module in pkgutil.walk_packages([str(PACKAGE)], "chunkview.")
]

LAYERS = [
    "errors",
    "_json",
    "_repr",
    "_make",
    "_record",
    "common",
    "usage",
    "blocks",
    "message",
    "call_response_chunk",
    "_event",
    "chunks",
    "decode",
    "_framing",
    "_fastpath",
    "wire",
    "_iterate",
    "_drafts",
    "accumulate",
    "_closing",
    "stream",
    "__init__",
]
"""The core, from the bottom up."""


def imports_of(path: Path) -> set[str]:
    """The modules of the package that a file imports at run time."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    # What stands under TYPE_CHECKING is not imported, what stands in a function is imported late.
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_every_import_of_the_core_points_down(name: str) -> None:
    below = set(LAYERS[: LAYERS.index(name)])
    assert imports_of(PACKAGE / f"{name}.py") <= below


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    heavy = {"pydantic", "anthropic", "hypothesis", "msgspec", "asyncio", "jiter", "rich", "httpx"}
    program = f"import sys, chunkview; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_importing_hypothesis_pulls_in_the_package_and_nothing_heavy() -> None:
    program = (
        "import sys, hypothesis; hypothesis.strategies.integers(); "
        "print('chunkview' in sys.modules, 'http.server' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "True False"


def test_the_replay_server_needs_no_hypothesis() -> None:
    program = "import sys, chunkview.testing; print('hypothesis' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"


def test_the_public_names_are_sorted_and_there() -> None:
    assert chunkview.__all__ == sorted(chunkview.__all__)
    for name in chunkview.__all__:
        assert hasattr(chunkview, name)


def public_objects() -> dict[str, Any]:
    """Everything public, by its full name: functions, classes, their methods and properties."""
    found: dict[str, Any] = {}
    for module_name in MODULES:
        if any(part.startswith("_") for part in module_name.split(".")[1:]):
            continue
        module = __import__(module_name, fromlist=["_"])
        found[module_name] = module
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            found[f"{module_name}.{name}"] = value
            if inspect.isclass(value):
                for member_name, member in vars(value).items():
                    if not member_name.startswith("_") and isinstance(
                        member, (property, classmethod, staticmethod, type(public_objects))
                    ):
                        found[f"{module_name}.{name}.{member_name}"] = member
    return found


def test_everything_public_has_a_docstring() -> None:
    objects = public_objects()
    assert len(objects) > 150
    without = [name for name, value in objects.items() if not (inspect.getdoc(value) or "").strip()]
    assert without == []


def test_everything_public_has_types() -> None:
    for name, value in public_objects().items():
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            assert signature.return_annotation is not inspect.Signature.empty, name
