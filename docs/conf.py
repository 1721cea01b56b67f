"""How Sphinx builds the site: `make docs` builds it strictly, and a broken link is an error."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import reference  # beside this file

project = "pytest-duolog"
copyright = "the pytest-duolog contributors"  # noqa: A001  # the name that Sphinx reads
release = metadata.version("pytest-duolog")
root_doc = "index"
exclude_patterns = ["_build"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
default_role = "code"  # docstrings write `name` as Markdown does
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
# Marks of prompts are not copied.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

# `make links`: what other sites answer.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]  # made by a script

html_theme = "furo"
html_title = f"pytest-duolog {release}"
html_show_sphinx = False
# Colours of code with a contrast of at least 4.5 to 1.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app: Sphinx) -> None:
    """Write the generated pages of the reference before the pages are read, and mend what the theme makes of them."""
    app.connect("builder-inited", lambda app: reference.write_pages(Path(app.srcdir) / "generated"))
    app.connect("html-page-context", make_accessible, priority=900)  # after furo has made its navigation


def make_accessible(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Let a keyboard scroll code and wide tables, and say of which level the captions of the navigation are.

    axe-core asks for both (`docs/accessible.py`); neither furo 2025.12 nor Sphinx 9 does it.
    """
    for part in {"body", "furo_navigation_tree"} & context.keys():
        context[part] = (
            context[part]
            .replace("<pre>", '<pre tabindex="0">')
            .replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
            .replace('class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"')
        )
