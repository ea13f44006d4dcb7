"""Settings of Sphinx, which builds the site from the pages here and from the docstrings.

The docstrings are Markdown, in Google style. Two things make them reStructuredText. A name in
single backticks is a link to that name, or code if there is none. And a fenced block of code is
rewritten. In the pages, too, a public name in backticks is a link to the reference.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

import chunkview
from chunkview._cli.main import build_parser

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "chunkview"
author = "The chunkview authors"
copyright = author  # noqa: A001 - the name of a setting
release = version = chunkview.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
default_role = "py:obj"
smartquotes = False  # quotes and dashes in the text are often those of code

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = False
python_maximum_signature_line_length = 80
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"chunkview {release}"
html_theme_options = {
    "source_repository": "https://github.com/chunkview/chunkview/",
    "source_branch": "main",
    "source_directory": "docs/",
    # For the dark theme, too. A line of 98 characters fits.
    "light_css_variables": {"code-font-size": "var(--font-size--small--3)"},
}
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"


_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"(?<!`)`[^`\n]+`(?!`)")
_RESULT = re.compile(r"^( *(?:Returns|Yields):\n +)(?=\S)", re.MULTILINE)


def _prepare(
    _app: Sphinx, what: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Turn the Markdown of a docstring into what napoleon and docutils read."""

    def directive(fence: re.Match[str]) -> str:
        indent = fence["indent"]
        code = re.sub(r"^(?=.)", "    ", fence["code"], flags=re.MULTILINE)
        return f"{indent}.. code-block:: {fence['language'] or 'text'}\n\n{code}\n"

    # In reStructuredText, a backslash is an escape also in backticks.
    text = _CODE.sub(lambda code: code[0].replace("\\", "\\\\"), "\n".join(lines) + "\n")
    text = _FENCE.sub(directive, text)
    # napoleon takes what is before a colon for a type. Here it is a sentence, and the type is none.
    text = _RESULT.sub(r"\1: ", text)
    if what == "property":
        text = ": " + text
    lines[:] = text.split("\n")


class CommandHelp(SphinxDirective):
    """Shows what `--help` prints. The argument is the command; without it, the help of all."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a literal block."""
        parser: Any = build_parser()
        if self.arguments:
            (commands,) = parser._subparsers._group_actions
            parser = commands.choices[self.arguments[0]]
        text = parser.format_help()
        return [nodes.literal_block(text, text, language="text")]


class NameLinks(SphinxTransform):
    """Makes a public name, in the backticks of a page, a link to the reference."""

    default_priority = 500

    def apply(self) -> None:
        """Leave it to Sphinx to find the name. Code that is no public name stays as it is."""
        title = self.document.next_node(nodes.title)
        page = title.astext() if title else ""
        module = page if page.startswith("chunkview.") else "chunkview"
        for code in list(self.document.findall(nodes.literal)):
            name = re.fullmatch(r"([A-Za-z_][\w.]*)(\(.*\))?", code.astext())
            if name is None or isinstance(
                code.parent, (nodes.reference, nodes.title, pending_xref)
            ):
                continue
            link = pending_xref(
                refdomain="py", reftype="obj", reftarget=name[1], refdoc=self.env.docname
            )
            link["py:module"] = module
            code.replace_self(link)
            link += code


def _know_the_sources() -> None:
    """Tell Sphinx the order of the members: public classes name `chunkview` as their module."""
    face = ModuleAnalyzer.for_module("chunkview")
    face.analyze()
    for name in [name for name in sys.modules if name.startswith("chunkview._")]:
        module = ModuleAnalyzer.for_module(name)
        module.analyze()
        face.tagorder |= module.tagorder


def setup(app: Sphinx) -> None:
    """Add what is written here."""
    _know_the_sources()
    app.connect("autodoc-process-docstring", _prepare, priority=400)  # before napoleon
    app.add_directive("command-help", CommandHelp)
    app.add_transform(NameLinks)
