"""Edits that change the files of a build, but not what it does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from composetasks.facts import Layer, LayeredImage
from composetasks.plan.layers.evidence import Remedy

COMMENTS = {
    **dict.fromkeys((".json", ".ipynb"), None),  # JSON allows only whitespace
    **dict.fromkeys((".js", ".mjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".c", ".h"), "// {}"),
    **dict.fromkeys((".cpp", ".java", ".kt", ".cs", ".mod", ".gradle", ".scala"), "// {}"),
    **dict.fromkeys((".css", ".scss", ".less"), "/* {} */"),
    **dict.fromkeys((".html", ".xml", ".md", ".svg", ".vue", ".csproj"), "<!-- {} -->"),
    **dict.fromkeys((".sql", ".lua", ".hs"), "-- {}"),
    **dict.fromkeys((".py", ".sh", ".txt", ".in", ".toml", ".yml", ".yaml", ".rb", ".cfg"), "# {}"),
    **dict.fromkeys((".conf", ".pl", ".lock", ".properties", ".env", ".r"), "# {}"),
}
"""How to write a comment line in a file, by the extension of its name."""
VARIABLE = "COMPOSETASKS_TRIAL"


def edited(path: str, content: bytes, token: int) -> bytes:
    """A file's content with a harmless addition that is different for each ``token``: a comment if
    the file can have one, else whitespace at its end."""
    name = path.rsplit("/", 1)[-1]
    ending = f".{name.rsplit('.', 1)[-1].lower()}" if "." in name else ""
    comment = COMMENTS.get(ending)
    if comment is None:
        return content + b" " * (1 + token % 997) + b"\n"
    begin = b"" if not content or content.endswith(b"\n") else b"\n"
    return content + begin + comment.format(token).encode() + b"\n"


def edited_dockerfile(text: str, layer: Layer, token: int) -> str:
    """A Dockerfile in which ``layer`` and all that follow it have to be rebuilt."""
    lines = text.split("\n")
    if layer.keyword == "RUN":
        added = [f"ENV {VARIABLE}={token}"]
    else:  # a COPY does not depend on the environment
        added = [f"COPY <<{VARIABLE} /.composetasks-trial", str(token), VARIABLE]
    # A trigger of the base image has the line number of its FROM, and comes after it.
    is_from = lines[layer.line - 1].split(maxsplit=1)[:1] in (["FROM"], ["from"])
    at = layer.last_line if is_from else layer.line - 1
    return "\n".join([*lines[:at], *added, *lines[at:]])


def with_other_bases(text: str, layers: tuple[Layer, ...], bases: Mapping[str, str]) -> str:
    """A Dockerfile whose FROM lines name other images, as mapped by ``bases``."""
    lines = text.split("\n")
    for layer in layers:
        if layer.keyword == "FROM" and layer.image in bases:
            rest = layer.text.split()[1:]
            new = " ".join(("FROM", *layer.flags, bases[layer.image], *rest))
            blank = [""] * (layer.last_line - layer.line)
            lines[layer.line - 1 : layer.last_line] = [new, *blank]
    return "\n".join(lines)


def followed(text: str, image: LayeredImage, remedy: Remedy) -> str:
    """A Dockerfile in which a remedy has been applied."""
    lines = text.split("\n")
    moved: list[str] = []
    gone: set[int] = set()
    for at in remedy.moved:
        layer = image.layers[at]
        own = range(layer.line - 1, layer.last_line)
        first, *others = (lines[number] for number in own)
        if remedy.flags:
            first = re.sub(r"^(\s*\w+)", rf"\1 {remedy.flags}", first)
        moved += [first, *others]
        gone.update(own)
    left = [(number, line) for number, line in enumerate(lines) if number not in gone]
    before = [line for number, line in left if number < remedy.before - 1]
    after = [line for number, line in left if number >= remedy.before - 1]
    return "\n".join([*before, *remedy.added, *moved, *after])
