"""Run pdoc. It reads an object's source and comments in the module that `__module__` names.

The package says `chunkview` for all that is public. Here each object names the file that defines
it. The arguments are those of pdoc.
"""

from __future__ import annotations

import ast
import inspect
import sys

import pdoc.__main__

import chunkview


def main() -> None:
    """Name the defining modules, and run pdoc."""
    for name, module in list(sys.modules.items()):
        if name.startswith("chunkview."):
            for node in ast.parse(inspect.getsource(module)).body:
                if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                    value = getattr(module, node.name)
                    if getattr(chunkview, node.name, None) is value:
                        value.__module__ = name
    pdoc.__main__.cli()


main()
