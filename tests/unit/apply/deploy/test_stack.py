"""The names of the jobs that check a deployment."""

from __future__ import annotations

import re

import pytest

from composetasks.apply.deploy.stack import check_job_name

# swarmkit manager/controlapi/common.go, isValidDNSName
VALID = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")


@pytest.mark.parametrize(
    "check", ["answers", "the page answers", "応答", "-", "a" * 51 + " and more", "x" * 80]
)
@pytest.mark.parametrize("stack", ["shop", "s" * 40])
def test_the_job_of_every_check_has_a_name_that_swarm_allows(stack: str, check: str) -> None:
    first = check_job_name(stack, check, ())
    for name in (first, check_job_name(stack, check, {first})):
        assert VALID.fullmatch(f"{stack}_{name}")
        assert len(f"{stack}_{name}") <= 63
    assert first.startswith("check")


def test_the_job_of_a_check_does_not_have_the_name_of_a_service() -> None:
    assert check_job_name("shop", "The page!", ()) == "check-the-page"
    services = {"check-the-page", "check-the-page-job"}
    assert check_job_name("shop", "The page!", services) == "check-the-page-job-job"
