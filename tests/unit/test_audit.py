"""What `nox -s audit` makes of pip-audit's answers."""

from __future__ import annotations

import json

import audit


def test_an_advisory_names_package_fix_and_lock() -> None:
    known = {"id": "PYSEC-2026-1", "fix_versions": ["3.1.6"], "aliases": []}
    report = {
        "dependencies": [
            {"name": "jinja2", "version": "3.1.2", "vulns": [known]},
            {"name": "rich", "version": "14.0", "vulns": []},
        ]
    }
    (result,), skipped = audit.judge(json.dumps(report), "requirements/dev.txt")
    said = "jinja2 3.1.2: PYSEC-2026-1, fixed in 3.1.6 (requirements/dev.txt)"
    assert str(result) == said
    assert skipped == []


def test_a_package_nobody_could_be_asked_about_is_not_taken_for_a_sound_one() -> None:
    """pip-audit itself says "no known vulnerabilities" then, and exits with 0."""
    report = {"dependencies": [{"name": "attrs", "skip_reason": "Dependency not found on PyPI"}]}
    assert audit.judge(json.dumps(report), "x") == ([], ["attrs"])


def test_the_pins_of_a_lock() -> None:
    lock = "a-b==1.2 \\\n    --hash=sha256:1\nc==3 ; sys_platform == 'win32' \\\n    # via a-b\n"
    assert audit.pins(lock) == {"a-b": "1.2", "c": "3"}


def test_the_suites_locks_and_the_images_are_all_audited() -> None:
    names = {str(path.relative_to(audit.ROOT)) for path in audit.locks()}
    assert {
        "requirements/dev.txt",
        "compose/airflow/large.txt",
        "compose/spark/requirements.txt",
    } <= names
    assert {"postgres:15", "debian:bookworm-slim"} <= set(audit.image_tags())
