"""The site's configuration; its pictures and tables are made by `_directives.py`."""

import sys
from pathlib import Path

import npconv

sys.path.insert(0, str(Path(__file__).parent))

project, release = "npconv", npconv.__version__
author = copyright = "The npconv developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "_directives"]
exclude_patterns = ["tests", "recipes.md"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"npconv {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
