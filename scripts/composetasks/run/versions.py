"""The versions that a bug report needs."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from urllib.parse import unquote, urlsplit

from composetasks.run import git, process
from composetasks.run.compose import buildx

ASK_SECONDS = 5.0
"""The time limit for a program to report its version."""
NAME = "composetasks"
CREDENTIALS = re.compile(r"(?<=^https://)[^/]*@|(?<=^http://)[^/]*@")
PACKAGES = {NAME: NAME, "Invoke": "invoke", "Docker SDK": "docker"}


def versions() -> Iterator[str]:
    """The versions of this package, of the packages it imports to run tasks and to access the
    engine, of Python, the platform, and of each program that the tasks need; "unknown" for a
    program that does not report its version."""
    programs = {
        "Compose": ["docker", "compose", "version", "--short"],
        "Buildx": [*buildx(os.environ), "version"],
        "engine": ["docker", "version", "--format", "{{.Server.Version}}"],
    }
    yield from (f"{name} {installed(package)}" for name, package in PACKAGES.items())
    yield f"Python {platform.python_version()}"
    yield platform.platform()
    yield from (f"{name} {_version_of(argv)}" for name, argv in programs.items())


def installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def requirement() -> str:
    """The requirement by which pip installs this package: with repository and commit if it was
    installed from a repository (PEP 610, ``direct_url.json``) or from a clone of one, by its name
    if it was installed from an index; "" if it was installed from a folder or file that only this
    machine has."""
    try:
        origin = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return NAME
    if not origin:
        return NAME
    if "vcs_info" in origin:
        return f"{NAME} @ git+{origin['url']}@{origin['vcs_info']['commit_id']}"
    folder = unquote(urlsplit(origin.get("url", "")).path)
    commit = _git(folder, "rev-parse", "HEAD")
    address = CREDENTIALS.sub("", _git(folder, "remote", "get-url", "origin"))
    return f"{NAME} @ git+{address}@{commit}" if "://" in address and commit else ""


def _git(folder: str, *arguments: str) -> str:
    """The output of git in a folder; "" if there is no git or no repository."""
    try:
        return git.run(folder, *arguments, timeout=ASK_SECONDS).stdout.strip()
    except process.ProgramError:
        return ""


def _version_of(argv: Sequence[str]) -> str:
    """The first word of a program's output that looks like a version."""
    try:
        output = process.run(argv, timeout=ASK_SECONDS).stdout.split()
    except (process.ProgramError, OSError):
        return "unknown"
    return next((word for word in output if word.lstrip("v")[:1].isdigit()), "unknown")
