"""`inv deploy` of the whole stack."""

from __future__ import annotations

from tests.project import Project, Ran
from tests.reach.swarm import Manager
from tests.swarm.conftest import STACK

LONGEST_SECONDS = 3600.0


def deploy(stack: Project, *arguments: str, **environment: str) -> Ran:
    child = stack.start("deploy", *arguments, **environment)
    out, err = child.communicate(timeout=LONGEST_SECONDS)
    return Ran(child.returncode, out, err)


def test_the_stack_runs_and_goes_back_and_away(stack: Project, manager: Manager) -> None:
    first = deploy(stack, "--timeout", "900")
    assert first.code == 0, first.err
    assert "end-to-end" in first.out + first.err
    specs, versions = manager.specs(STACK), manager.versions(STACK)
    assert len(specs) == 9

    again = deploy(stack, "--plan", "--exit-code")
    assert again.code == 0, again.out
    assert "nothing to do" in deploy(stack).out
    assert manager.versions(STACK) == versions

    stricter = {"DECISION_THRESHOLD": "0.6"}
    changed = deploy(stack, "--timeout", "900", **stricter)
    assert changed.code == 0, changed.err
    now = manager.versions(STACK)
    assert [one for one in now if now[one] != versions[one]] == ["spark-processor"]
    environment = manager.specs(STACK)["spark-processor"]["TaskTemplate"]["ContainerSpec"]["Env"]
    assert "DECISION_THRESHOLD=0.6" in environment

    back = deploy(stack, "--rollback", "--timeout", "900")
    assert back.code == 0, back.err
    assert manager.specs(STACK) == specs
    assert deploy(stack, "--plan", "--exit-code").code == 0

    gone = deploy(stack, "--remove", "--yes")
    assert gone.code == 0, gone.err
    assert manager.specs(STACK) == {}
    assert manager.docker("network", "ls", "-q", "--filter", f"name={STACK}_") == ""
