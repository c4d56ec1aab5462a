"""The versions that a report of a bug needs."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from urllib.parse import unquote, urlsplit

from composetasks.run import process
from composetasks.run.compose import buildx

ASK_SECONDS = 5.0
"""How long a program may take to say its version."""
NAME = "composetasks"
CREDENTIALS = re.compile(r"(?<=^https://)[^/]*@|(?<=^http://)[^/]*@")
PACKAGES = {NAME: NAME, "Invoke": "invoke", "Docker SDK": "docker"}


def versions() -> Iterator[str]:
    """This package, what it imports to run tasks and to speak to the engine, Python, the platform,
    and each program the tasks stand on; a program that does not say its version is unknown."""
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
    """What pip installs this very package by: with repository and commit where it came from one
    (PEP 610, ``direct_url.json``) or from a clone of one, and by its name where it came from an
    index; "" where it came from a folder or file that only this machine has."""
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
    """What git says in a folder; "" where there is none, or no repository."""
    try:
        return process.run(["git", "-C", folder, *arguments], timeout=ASK_SECONDS).stdout.strip()
    except process.ProgramError:
        return ""


def _version_of(argv: Sequence[str]) -> str:
    """The first line that looks like a version of what a program says."""
    try:
        output = process.run(argv, timeout=ASK_SECONDS).stdout.split()
    except (process.ProgramError, OSError):
        return "unknown"
    return next((word for word in output if word.lstrip("v")[:1].isdigit()), "unknown")
