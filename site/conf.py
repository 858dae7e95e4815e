"""Sphinx's settings of the site; ``make site`` (tools/site.py) writes the rest beside a copy."""

from pianoalign_lib.common import __version__

project = "pianoalign"
author = "The pianoalign authors"
copyright = author
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
html_theme = "furo"
html_title = f"pianoalign {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
templates_path: list[str] = []
# Notebooks come executed. Pictures serve where the kernel's widgets are not.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # by default, tables would be lines of bars
nb_output_stderr = "remove"  # bars of progress
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header", "misc.highlighting_failure"]
# Nothing is fetched, neither here nor by those who look: no formulas that need MathJax.
mathjax_path = "no-mathjax.js"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
