"""What the suite and its stack are made of, and what is known against it: `nox -s audit`.

For every lock a bill of materials (CycloneDX) into ``dist/sbom``, and the package index's
advisories by pip-audit. The images' pins are held against the newest versions that fit. What could
not be asked is said and counted as failed: silence must not be taken for health.
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
    """Something known against a locked version."""

    lock: str
    package: str
    version: str
    name: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {self.name}, {fixed} ({self.lock})"


def locks() -> list[Path]:
    """The suite's locks and the images'."""
    return [
        *sorted((ROOT / "requirements").glob("*.txt")),
        *sorted((ROOT / "compose").glob("*/large.txt")),
        *sorted((ROOT / "compose").glob("*/requirements.txt")),
    ]


def pins(lock: str) -> dict[str, str]:
    """Names and versions that a lock's text holds."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def judge(report: str, lock: str) -> tuple[list[Advisory], list[str]]:
    """What pip-audit's JSON says against a lock's packages, and those it could not ask about."""
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
    """Write the lock's, and return where."""
    SBOM.mkdir(parents=True, exist_ok=True)
    where = SBOM / f"{'-'.join(lock.relative_to(ROOT).with_suffix('').parts)}.cdx.json"
    options = ("--output-reproducible", "--of", "JSON", "-o", str(where))
    done = run("cyclonedx-py", "requirements", *options, str(lock))
    if done.returncode:
        raise SystemExit(f"audit: no bill of materials of {lock}: {done.stderr.strip()}")
    return where


def audited(lock: Path) -> tuple[list[Advisory], list[str], str]:
    """Advisories, the packages that could not be asked about, and why not."""
    name = str(lock.relative_to(ROOT))
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "-f", "json")
    done = run("pip-audit", *options, "-r", str(lock))
    if not done.stdout.strip():  # it ends with 1 where it finds something, too
        why = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return [], sorted(pins(lock.read_text())), why
    found, skipped = judge(done.stdout, name)
    return found, skipped, "the package index has no advisory data for them" if skipped else ""


def outdated(source: Path, constraints: Iterable[Path]) -> list[str] | None:
    """The image's pins that newer versions fit in place of; None where no index can be asked."""
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
    """The images that the stack takes from a registry, as its files name them."""
    texts = [path.read_text() for path in (ROOT / "compose").glob("**/*Dockerfile")]
    texts += [path.read_text() for path in (ROOT / "compose").glob("*.yaml")]
    found = re.findall(
        r"(?:^ARG BASE_IMAGE=|^\s*image: (?!\$))(\S+)", "\n".join(texts), re.MULTILINE
    )
    return sorted(set(found))


def main() -> int:
    """Print what was found; 1 where something is known against a pin, or could not be asked."""
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
