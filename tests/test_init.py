"""The face of the package: its names, what it imports, and which module imports which."""

from __future__ import annotations

import ast
import builtins
import graphlib
import inspect
import json
import os
import pickle
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import attrs
import pytest
import typing_extensions
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import chunkview
import chunkview.conformance
import chunkview.testing
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model import BLOCKS, CITATIONS
from chunkview.testing import strategies as cv
from support import examples

PACKAGE = Path(chunkview.__file__).parent
MODULES = ["chunkview"] + [
    module.name for module in pkgutil.walk_packages([str(PACKAGE)], "chunkview.")
]

LAYERS = [
    "errors",
    "_repr",
    "_value",
    "common",
    "_model",
    "_chunks",
    "_rules",
    "call_response_chunk",
    "_stream",
    "",
    "conformance",
    "_rates",
    "pricing",
    "interop",
    "anthropic",
    "recordings",
    "arrow",
    "testing",
    "_cli",
    "__main__",
]
"""The files and folders of the package, from the bottom up; "" is its own face."""

FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> tuple[str, ...]:
    """A file's place below the package: the face of a folder is the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(path: Path) -> set[tuple[str, ...]]:
    """The modules of the package that a file imports at run time, at once or when it runs."""
    package = path.relative_to(PACKAGE).parts[:-1]
    found: set[tuple[str, ...]] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for alternative in node.orelse:
                visit(alternative)
            return
        if isinstance(node, ast.Import):
            found.update(
                tuple(alias.name.split(".")[1:])
                for alias in node.names
                if alias.name.split(".")[0] == "chunkview"
            )
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            names = tuple(node.module.split(".")) if node.module else ()
            if not node.level:
                if names[:1] != ("chunkview",):
                    return
                names = names[1:]
            target = (*base, *names)
            for alias in node.names:
                below = (*target, alias.name)
                found.add(below if below in MODULE_NAMES and not is_function(below) else target)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


MODULE_NAMES = {module_of(path) for path in FILES}


def is_function(module: tuple[str, ...]) -> bool:
    """Whether the face of a folder gives a function of the module's name, which hides it."""
    face = sys.modules[".".join(["chunkview", *module[:-1]])]
    return callable(getattr(face, module[-1], None))


def layer_of(module: tuple[str, ...]) -> int:
    return LAYERS.index(module[0] if module else "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(module_of(path)) or "face")
def test_every_import_at_run_time_points_down(path: Path) -> None:
    layer = layer_of(module_of(path))
    assert all(layer_of(module) <= layer for module in imports_of(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(module_of(path)) or "face")
def test_what_a_folder_keeps_to_itself_is_imported_by_nobody_else(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[:-1]
    for module in imports_of(path):
        private = next((at for at, part in enumerate(module) if part.startswith("_")), len(module))
        folder = module[: private + 1]
        is_face = module == folder
        assert is_face or own[: len(folder)] == folder, f"{'.'.join(module)} is not a face"


@pytest.mark.parametrize(
    "folder", ["_model", "_chunks", "_rules", "_stream", "recordings", "_cli", "testing"]
)
def test_the_files_of_a_folder_import_each_other_in_no_circle(folder: str) -> None:
    graph = {
        module_of(path): {
            module for module in imports_of(path) if module[:1] == (folder,) and len(module) > 1
        }
        for path in (PACKAGE / folder).rglob("*.py")
        if len(module_of(path)) > 1
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def test_each_file_belongs_to_a_layer_and_each_layer_to_a_file() -> None:
    assert {module_of(path)[0] if module_of(path) else "" for path in FILES} == set(LAYERS)


BESIDE = sorted(PACKAGE.parent.glob("_chunkview_*.py"))
"""The entry points of others. They are beside the package: each test run of a user loads them."""


def imports_at_once(path: Path) -> set[str]:
    """The packages that a file imports when it is imported."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", BESIDE, ids=lambda path: path.stem)
def test_a_module_beside_the_package_imports_nothing_of_it_until_it_is_used(path: Path) -> None:
    assert imports_at_once(path) <= {*sys.stdlib_module_names, "pytest"}


def test_the_package_itself_imports_no_module_beside_it() -> None:
    assert {path.stem for path in BESIDE} == {"_chunkview_hypothesis", "_chunkview_pytest"}
    for path in FILES:
        assert not imports_at_once(path) & {path.stem for path in BESIDE}


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    heavy = {"pydantic", "anthropic", "hypothesis", "msgspec", "asyncio", "jiter", "rich", "httpx"}
    heavy |= {"starlette", "uvicorn", "chunkview._cli"}
    rarely_needed = {"socket", "chunkview._rules.measured"}
    rarely_needed |= {"chunkview.recordings", "yaml", "zstandard", "fsspec", "zlib", "pyarrow"}
    # Coverage, which may run there too, has modules of its own.
    program = (
        "import sys; before = set(sys.modules); import chunkview; "
        f"print(sorted({heavy | rarely_needed} & set(sys.modules) - before))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_the_replay_server_needs_no_hypothesis() -> None:
    program = "import sys, chunkview.testing; print('hypothesis' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"


def test_the_public_names_are_sorted_and_there() -> None:
    assert sorted(chunkview.__all__, key=lambda name: (not name.isupper(), name)) == (
        chunkview.__all__
    )
    for name in chunkview.__all__:
        assert hasattr(chunkview, name)


PUBLIC_CLASSES = [
    value for name in chunkview.__all__ if isinstance(value := getattr(chunkview, name), type)
]
PROCESSES = (
    chunkview.Accumulator,
    chunkview.AnthropicStream,
    chunkview.ChunkDecoder,
    chunkview.Meter,
)
"""Classes of objects that do something; all others are values, which can be pickled."""


@pytest.mark.parametrize("cls", PUBLIC_CLASSES, ids=lambda cls: cls.__name__)
def test_a_public_class_belongs_to_the_face_and_its_annotations_resolve(cls: type[Any]) -> None:
    assert cls.__module__ == "chunkview"
    assert getattr(sys.modules[cls.__module__], cls.__qualname__) is cls
    hints = typing.get_type_hints(cls)
    if attrs.has(cls):
        assert hints.keys() >= {field.name for field in attrs.fields(cls)}


def test_a_public_function_belongs_to_the_face() -> None:
    for name in chunkview.__all__:
        value = getattr(chunkview, name)
        if inspect.isfunction(value):
            assert (value.__module__, value.__qualname__) == ("chunkview", name)
            assert pickle.loads(pickle.dumps(value)) is value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@examples(1)
@given(st.data())
def test_a_value_of_each_public_class_is_pickled_by_its_public_name(
    protocol: int, data: Any
) -> None:
    value = data.draw(
        st.sampled_from([cls for cls in PUBLIC_CLASSES if cls not in PROCESSES]).flatmap(
            st.from_type
        )
    )
    pickled = pickle.dumps(value, protocol)
    assert b"chunkview._" not in pickled
    again = pickle.loads(pickled)
    assert type(again) is type(value)
    if isinstance(value, chunkview.ChunkviewError):
        assert (str(again), vars(again)) == (str(value), vars(value))
    else:
        assert again == value


FIRST = """
import json, os, sys
import chunkview

for name, value in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            result = getattr(chunkview, name)(value)
            written = result.to_event() if name == "decode" else result.to_dict()
            assert written == value, written
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0, (name, value)
"""


ONE_OF_EACH = st.tuples(
    *[
        st.tuples(st.just(read), strategy(tag))
        for read, strategy, tags in (
            ("decode", cv.events, [*EVENTS, *DELTAS, "unknown"]),
            ("read_block", cv.content_blocks, [*BLOCKS, "unknown"]),
            ("read_citation", cv.citations, [*CITATIONS, "unknown"]),
        )
        for tag in tags
    ]
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks a fresh process for each value")
@settings(
    max_examples=3,
    phases=[Phase.generate],  # shrinking would fork thousands of times
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ONE_OF_EACH)
def test_each_event_block_and_citation_can_be_the_first_that_is_read(values: Any) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", FIRST], input=json.dumps(values), capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr


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


def names_in_signatures() -> dict[str, str]:
    """Each name in the annotations of the face's functions and methods, and where it is used."""
    functions: dict[str, Any] = {}
    for name in chunkview.__all__:
        value = getattr(chunkview, name)
        members = vars(value) if inspect.isclass(value) else {"": value}
        for member_name, member in members.items():
            function = getattr(member, "fget", getattr(member, "__func__", member))
            is_public = not member_name.startswith("_") or member_name == "__init__"
            if inspect.isfunction(function) and (is_public or "iter__" in member_name):
                functions[f"{name}.{member_name}"] = function
    return {
        node.id: where
        for where, function in functions.items()
        for annotation in function.__annotations__.values()
        if isinstance(annotation, str)  # others are of a generated `__init__`
        for node in ast.walk(ast.parse(annotation, mode="eval"))
        if isinstance(node, ast.Name)
    }


def test_every_name_in_a_public_signature_can_be_imported() -> None:
    names = names_in_signatures()
    assert {"AsyncSource", "Pair", "Piece", "Strict", "Message"} <= names.keys()
    places = [chunkview, chunkview.conformance, builtins, typing, typing_extensions]
    assert [name for name in names if not any(hasattr(place, name) for place in places)] == []


def test_every_parent_is_one_object() -> None:
    assert repr(chunkview.EVERY_PARENT) == "EVERY_PARENT"
    assert pickle.loads(pickle.dumps(chunkview.EVERY_PARENT)) is chunkview.EVERY_PARENT


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
