"""Which files tell a package manager what to install, and which commands install by them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from composetasks.facts import LayeredImage

MANIFESTS = (
    *("requirements*.txt", "requirements*.in", "constraints*.txt", "pyproject.toml", "setup.cfg"),
    *("setup.py", "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock", "pdm.lock"),
    *("environment.yml", "environment.yaml"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
    *("bun.lock", "bun.lockb", ".npmrc", ".yarnrc.yml", "go.mod", "go.sum"),
    *("Cargo.toml", "Cargo.lock", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock"),
    *("pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "gradle.lockfile"),
    *("mix.exs", "mix.lock", "*.csproj", "packages.lock.json"),
)
NAMED = re.compile(r"(?:\s-r|--requirement|--constraint|\s-c)[ =]?(\S+\.(?:txt|in|lock))")


def is_manifest(path: str) -> bool:
    """Whether a file is one by its name."""
    name = path.rsplit("/", 1)[-1]
    return any(fnmatchcase(name, pattern) for pattern in MANIFESTS)


def manifests(image: LayeredImage) -> frozenset[str]:
    """The manifests among the files of an image: by their names, and those that a pip of its own
    Dockerfile is given (``-r large.txt``)."""
    named = {
        match[1].rsplit("/", 1)[-1]
        for layer in image.layers
        if layer.keyword == "RUN"
        for match in NAMED.finditer(layer.text)
    }
    return frozenset(
        path
        for layer in image.layers
        for path in layer.files
        if is_manifest(path) or path.rsplit("/", 1)[-1] in named
    )
