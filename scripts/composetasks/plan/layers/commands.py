"""Classify the commands of a RUN by their words, as far as possible, and recognize the files that
list what a package manager installs."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from composetasks.facts import Layer, LayeredImage


class CommandKind(enum.Enum):
    """What a command reads, and so what its result depends on."""

    SYSTEM = "distribution packages"
    LISTED = "packages from a manifest of the project"
    NAMED = "packages named in the command"
    APART = "nothing of the project"
    OPAQUE = "anything"


SEPARATOR = re.compile(r"\s*(?:&&|\|\||;|\n)\s*")
PREFIX = re.compile(r"^(?:(?:sudo|env|exec|time)\s+|[A-Z_][A-Z0-9_]*=\S*\s+)+")
SHELL = re.compile(r"^(?:set|export|cd|echo|true|:)\b")
SYSTEM = re.compile(
    r"(?:apt-get|apt|apk|yum|dnf|microdnf|tdnf|zypper|pacman)\b.*"
    r"\b(?:update|upgrade|install|add|makecache|refresh|-S\w*)\b"
)
TIDIES = re.compile(
    r"(?:(?:apt-get|apt|yum|dnf|microdnf|zypper)\b.*\b(?:clean|autoclean|autoremove)\b"
    r"|rm -\w+ (?:/var/|/etc/apt/|/tmp|/root/\.|~/\.))"
)
LISTED = re.compile(
    r"(?:pip3?|uv pip|python3? -m pip) install\b.*\s(?:-r|--requirement)\b"
    r"|(?:npm|pnpm|bun) (?:ci|install|i)(?:\s+-\S+)*$"
    r"|yarn(?: install)?(?:\s+-\S+)*$"
    r"|poetry install\b|uv sync\b|pdm (?:install|sync)\b|pipenv (?:install|sync)(?:\s+-\S+)*$"
    r"|bundle install\b|go mod download\b|cargo fetch\b|composer install\b|dotnet restore\b"
    r"|mvn\b.*\bdependency:|mix deps\.get\b|gradlew?\b.*\bdependencies\b"
)
NAMED = re.compile(
    r"(?:pip3?|uv pip|python3? -m pip|uv tool) install\b"
    r"(?!.*\s(?:\.|-e|--editable|\./\S*)(?:\s|\[|$))"
    r"|npm (?:install|i) (?:.*\s)?(?:-g|--global)\b|yarn global add\b|gem install\b"
    r"|go install \S+@|cargo install \S|corepack enable\b|rustup\b"
)
APART = re.compile(
    r"(?:useradd|groupadd|adduser|addgroup|usermod|mkdir|install -d|locale-gen|python3? -m venv"
    r"|update-ca-certificates|curl|wget|ln -s\w* /\S+ /)"
)
CACHES: Mapping[str, str] = {
    "apt-get": "/var/cache/apt",
    "apt": "/var/cache/apt",
    "apk": "/var/cache/apk",
    "dnf": "/var/cache/dnf",
    "yum": "/var/cache/yum",
    "pip": "/root/.cache/pip",
    "pip3": "/root/.cache/pip",
    "python": "/root/.cache/pip",
    "python3": "/root/.cache/pip",
    "uv": "/root/.cache/uv",
    "poetry": "/root/.cache/pypoetry",
    "npm": "/root/.npm",
    "yarn": "/usr/local/share/.cache/yarn",
    "pnpm": "/root/.local/share/pnpm/store",
    "go": "/go/pkg/mod",
    "cargo": "/usr/local/cargo/registry",
    "mvn": "/root/.m2",
    "gradle": "/root/.gradle",
    "bundle": "/usr/local/bundle/cache",
    "composer": "/root/.composer/cache",
    "dotnet": "/root/.nuget/packages",
}
"""Where a package manager caches downloads, as root in its usual image."""
INSTALLS = (CommandKind.SYSTEM, CommandKind.LISTED, CommandKind.NAMED)


def commands(layer: Layer) -> Iterator[tuple[CommandKind, str]]:
    """The commands of a RUN, each with what it depends on; commands that only clean up or print are
    left out."""
    for part in SEPARATOR.split(_script(layer)):
        text = PREFIX.sub("", " ".join(part.split()))
        program, _, rest = text.partition(" ")
        text = f"{program.rsplit('/', 1)[-1]} {rest}".strip()
        if text and not SHELL.match(text) and not TIDIES.match(text):
            yield _kind(text), text


def _script(layer: Layer) -> str:
    if layer.text.startswith("["):
        try:
            words = json.loads(layer.text)
        except ValueError:
            return layer.text
        return " ".join(map(str, words)) if isinstance(words, list) else layer.text
    return layer.text


def _kind(text: str) -> CommandKind:
    for kind, pattern in (
        (CommandKind.SYSTEM, SYSTEM),
        (CommandKind.LISTED, LISTED),
        (CommandKind.NAMED, NAMED),
        (CommandKind.APART, APART),
    ):
        if pattern.match(text):
            return kind
    return CommandKind.OPAQUE


def cache_folder(text: str) -> str:
    """Where the program of a command caches its downloads; "" if that is not known."""
    return CACHES.get(text.partition(" ")[0], "")


def has_cache(layer: Layer) -> bool:
    """Whether a RUN has a cache mount."""
    return any(flag.startswith("--mount=") and "type=cache" in flag for flag in layer.flags)


def words(layer: Layer) -> list[str]:
    """The sources and the destination of a COPY or ADD."""
    if layer.text.startswith("["):
        try:
            listed = json.loads(layer.text)
        except ValueError:
            listed = []
        return [str(word) for word in listed] if isinstance(listed, list) else []
    return layer.text.partition("\n")[0].split()


def mentions(text: str, copy: Layer) -> bool:
    """Whether a text names something that a COPY copied: its destination, or a file's name."""
    sources_and_target = words(copy)
    names = {path.rsplit("/", 1)[-1] for path in copy.files}
    names |= {word.strip("/").rsplit("/", 1)[-1] for word in sources_and_target}
    target = sources_and_target[-1].rstrip("/") if sources_and_target else ""
    if len(target) > 1 and target in text:
        return True
    return any(
        len(name) > 1 and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)
        for name in names
    )


# --- manifests ------------------------------------------------------------------------------


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
GIVEN = re.compile(r"(?:\s-r|--requirement|--constraint|\s-c)[ =]?(\S+\.(?:txt|in|lock))")


def is_manifest(path: str) -> bool:
    """Whether a file is a manifest, by its name."""
    name = path.rsplit("/", 1)[-1]
    return any(fnmatchcase(name, pattern) for pattern in MANIFESTS)


def manifests(image: LayeredImage) -> frozenset[str]:
    """The manifests among the files of an image: by their names, or because a pip command in its
    Dockerfile reads them (``-r large.txt``)."""
    named = {
        match[1].rsplit("/", 1)[-1]
        for layer in image.layers
        if layer.keyword == "RUN"
        for match in GIVEN.finditer(layer.text)
    }
    return frozenset(
        path
        for layer in image.layers
        for path in layer.files
        if is_manifest(path) or path.rsplit("/", 1)[-1] in named
    )
