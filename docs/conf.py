"""The documentation as a site: the same Markdown, by Sphinx (``nox -s docs``)."""

project = "composetasks"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "composetasks"
myst_heading_anchors = 4
exclude_patterns = ["_build"]
