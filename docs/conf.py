"""Settings of the documentation's pages, which Sphinx builds: ``make docs``."""

from __future__ import annotations

from pathlib import Path

_VERSION = Path(__file__).parents[1] / "src" / "zoodiff" / "_version.py"

project = "zoodiff"
author = "The zoodiff authors"
copyright = author
version = release = _VERSION.read_text(encoding="utf-8").split('"')[-2]

extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"zoodiff {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
nitpicky = True
