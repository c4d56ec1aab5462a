"""Audits the locked packages of the suite and its stack: `nox -s audit`.

For every lock, it writes a bill of materials (CycloneDX) to ``dist/sbom`` and obtains the package
index's advisories with pip-audit. The images' pins are compared with the newest versions that fit.
A check that could not be made is reported and counts as failed: missing data is not a good result.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SBOM = ROOT / "dist" / "sbom"


@dataclass(frozen=True)
class Advisory:
    """A known vulnerability of a locked version."""

    lock: str
    package: str
    version: str
    name: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {self.name}, {fixed} ({self.lock})"


def locks() -> list[Path]:
    """The lock files of the suite and of the images."""
    return [
        *sorted((ROOT / "requirements").glob("*.txt")),
        *sorted((ROOT / "compose").glob("*/large.txt")),
        *sorted((ROOT / "compose").glob("*/requirements.txt")),
    ]


def pins(lock: str) -> dict[str, str]:
    """The names and versions in a lock's text."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def judge(report: str, lock: str) -> tuple[list[Advisory], list[str]]:
    """The advisories in pip-audit's JSON about a lock, and the packages that it skipped."""
    found, skipped = [], []
    for one in json.loads(report)["dependencies"]:
        if "skip_reason" in one:
            skipped.append(one["name"])
        for known in one.get("vulns", []):
            fixed = tuple(known["fix_versions"])
            found.append(Advisory(lock, one["name"], one["version"], known["id"], fixed))
    return found, skipped


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    )


def bill_of_materials(lock: Path) -> Path:
    """Write the bill of materials of a lock, and return its path."""
    SBOM.mkdir(parents=True, exist_ok=True)
    where = SBOM / f"{'-'.join(lock.relative_to(ROOT).with_suffix('').parts)}.cdx.json"
    options = ("--output-reproducible", "--of", "JSON", "-o", str(where))
    done = run("cyclonedx-py", "requirements", *options, str(lock))
    if done.returncode:
        raise SystemExit(f"audit: no bill of materials of {lock}: {done.stderr.strip()}")
    return where


def audited(lock: Path) -> tuple[list[Advisory], list[str], str]:
    """The advisories, the packages without an answer, and the reason."""
    name = str(lock.relative_to(ROOT))
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "-f", "json")
    done = run("pip-audit", *options, "-r", str(lock))
    if not done.stdout.strip():  # its exit code is 1 also if it finds something
        why = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return [], sorted(pins(lock.read_text())), why
    found, skipped = judge(done.stdout, name)
    return found, skipped, "the package index has no advisory data for them" if skipped else ""


def outdated(source: Path, constraints: Iterable[Path]) -> list[str] | None:
    """The image's pins for which newer versions fit; None if no index answers."""
    lock = source.with_suffix(".txt")
    with tempfile.NamedTemporaryFile(suffix=".txt") as newest:
        done = run(
            *("uv", "pip", "compile", "--quiet", "--upgrade", "--python-version", "3.11"),
            *("--python-platform", "x86_64-manylinux_2_28", "--output-file", newest.name),
            *(word for one in constraints for word in ("-c", str(one))),
            str(source),
        )
        if done.returncode:
            return None
        fresh = pins(Path(newest.name).read_text())
    old = pins(lock.read_text())
    return [
        f"{name} {version} -> {fresh[name]}"
        for name, version in old.items()
        if fresh.get(name, version) != version
    ]


def image_tags() -> list[str]:
    """The images that the stack pulls from a registry, by the names in its files."""
    texts = [path.read_text() for path in (ROOT / "compose").glob("**/*Dockerfile")]
    texts += [path.read_text() for path in (ROOT / "compose").glob("*.yaml")]
    found = re.findall(
        r"(?:^ARG BASE_IMAGE=|^\s*image: (?!\$))(\S+)", "\n".join(texts), re.MULTILINE
    )
    return sorted(set(found))


def main() -> int:
    """Print the results; return 1 if an advisory concerns a pin or a check was not possible."""
    advisories: list[Advisory] = []
    unasked: dict[str, str] = {}
    names: set[str] = set()
    for lock in locks():
        bill_of_materials(lock)
        found, skipped, why = audited(lock)
        advisories += found
        names |= set(pins(lock.read_text()))
        unasked |= dict.fromkeys(skipped, why)
    print(f"audit: bills of materials of {len(locks())} locks are in {SBOM.relative_to(ROOT)}")
    for advisory in advisories:
        print(f"audit: KNOWN: {advisory}")
    for source in sorted((ROOT / "compose").glob("*/*.in")):
        below = [source.with_name("constraints.txt")]
        below += [source.with_name("large.txt")] if source.name == "requirements.in" else []
        newer = outdated(source, [path for path in below if path.exists()])
        name = source.relative_to(ROOT)
        if newer is None:
            print(f"audit: NOT CHECKED for newer versions: {name}: no package index answers")
        else:
            print(f"audit: {name}: {', '.join(newer) or 'the newest that fit'}")
    print(f"audit: to be looked up by hand: {', '.join(image_tags())}, compose/kafka/pom.xml")
    if unasked:
        reasons = ", ".join(sorted(set(unasked.values())))
        print(
            f"audit: NOT AUDITED: {len(unasked)} of {len(names)} packages ({reasons}). "
            "Nothing is known for or against these: run it where the package index answers"
        )
    else:
        print(f"audit: {len(names)} packages asked about, {len(advisories)} advisories")
    return 1 if advisories or unasked else 0


if __name__ == "__main__":
    sys.exit(main())
