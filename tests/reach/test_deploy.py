"""`inv deploy` on a swarm of one node: each change reaches one service, and what fails leaves the
stack as it was."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine import busybox
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.project import TASKS, Project, Ran, own_environment
from tests.reach.swarm import Manager

SETTINGS = """\
stack:
  deploy: {endpoint: dnsrr, keep: 3}
  checks: [{name: answers, service: web, command: [sh, -c, 'echo asked; test "$BROKEN" = no']}]
"""
LOOP = "trap 'exit 0' TERM; while :; do sleep 1; done"
COMPOSE = """\
services:
  prepare:
    image: IMAGE
    command: [sh, -c, "echo prepared"]
  web:
    build: .
    command: [sh, -c, "cat /page; cat /conf; LOOP"]
    environment: {BROKEN: "no", DB_PASSWORD: hunter2hunter2}
    configs: [{source: conf, target: /conf}]
    secrets: [key]
    depends_on: {prepare: {condition: service_completed_successfully}}
  api:
    image: IMAGE
    container_name: the-api
    restart: always
    command: [sh, -c, "LOOP"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
    deploy: {update_config: {monitor: 2s}}
configs: {conf: {content: one}}
secrets: {key: {file: ./key}}
"""


@pytest.fixture(scope="module")
def manager(engine: OwnEngine) -> Iterator[Manager]:
    """The engine as a swarm of its own."""
    made = Manager(engine.address)
    made.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    yield made
    made.docker("swarm", "leave", "--force")


@pytest.fixture
def shop(tmp_path: Path, manager: Manager) -> Iterator[Project]:
    """A project that is deployed there."""
    name = f"ct-swarm-{uuid.uuid4().hex[:8]}"
    environment = {**own_environment(), "DOCKER_HOST": manager.address}
    made = Project(tmp_path / "shop", environment, name)
    made.write("tasks.py", TASKS)
    made.write("invoke.yaml", SETTINGS)
    made.write("Dockerfile", f"FROM {busybox.TAG}\nCOPY page /page\n")
    made.write("page", "first page\n")
    made.write("key", "a long secret of mine\n")
    made.compose(COMPOSE.replace("IMAGE", busybox.TAG).replace("LOOP", LOOP))
    yield made
    assert made.inv("deploy", "--remove", "--yes").code == 0
    assert manager.docker("network", "ls", "-q", "--filter", f"name={name}_") == ""
    assert manager.docker("config", "ls", "-q", "--filter", f"name={name}_") == ""
    assert manager.docker("secret", "ls", "-q", "--filter", f"name={name}_") == ""


def edit(project: Project, old: str, new: str) -> None:
    path = project.folder / "compose.yaml"
    text = path.read_text()
    assert old in text
    project.write("compose.yaml", text.replace(old, new, 1))


def revisions(manager: Manager, stack: str) -> list[str]:
    """The numbers of the deployments of which there is a record."""
    shown = ("--filter", f"name={stack}_revision-", "--format", "{{.Name}}")
    listed = manager.docker("config", "ls", *shown).split()
    return sorted(one.rpartition("-")[2] for one in listed)


def recorded(manager: Manager, stack: str, number: int) -> dict[str, Any]:
    """What is kept of a deployment, for all who deploy."""
    shown = ("--format", "{{json .Spec.Data}}")
    data = json.loads(manager.docker("config", "inspect", *shown, f"{stack}_revision-{number}"))
    record: dict[str, Any] = json.loads(base64.b64decode(data))
    return record


def planned(ran: Ran) -> list[str]:
    assert ran.code in (0, 10), ran.err
    return [step["id"] for step in ran.document["steps"]]


def test_each_change_reaches_the_one_service_that_it_is_of(shop: Project, manager: Manager) -> None:
    name = shop.name
    plan = planned(shop.inv("deploy", "--plan", "--json"))
    assert manager.docker("service", "ls", "-q") == ""
    assert plan[1:] == [
        f"create-service:{name}_api",
        f"create-service:{name}_prepare",
        f"create-service:{name}_web",
        "run-check-job:answers",
    ]

    assert shop.inv("deploy", "--plan", "--exit-code").code == 10
    first = shop.inv("deploy")
    assert first.code == 0, first.err
    record = recorded(manager, name, 1)
    assert record["who"].endswith(f"@{socket.gethostname()}")
    assert set(record["file"]["services"]) == {"api", "prepare", "web"}
    assert set(record["versions"]) == {"composetasks", "engine"}
    others = shop.inv("deploy", "--rollback", "9").err
    assert f"1 of {record['when']} by {record['who']}" in others
    assert "prepare  1 complete" in first.out
    assert "first page" in manager.docker("service", "logs", "--raw", f"{name}_web")
    specs = manager.specs(name)
    assert "ReplicatedJob" in specs["prepare"]["Mode"]
    assert "the-api" in specs["api"]["TaskTemplate"]["Networks"][0]["Aliases"]
    assert "hunter2" not in first.out + first.err

    before = manager.versions(name)
    again = shop.inv("deploy", "--plan", "--exit-code")
    ran = shop.inv("deploy", PATH="/nowhere")
    assert (again.code, ran.code) == (0, 0), again.out + ran.err
    assert "nothing to do" in ran.out
    assert manager.versions(name) == before

    changes: list[tuple[str, Callable[[], object], str]] = [
        ("web", lambda: edit(shop, 'BROKEN: "no"', 'BROKEN: "no", MORE: "1"'), "environment.MORE"),
        ("web", lambda: edit(shop, "content: one", "content: two"), "configs./conf.source"),
        ("web", lambda: shop.write("key", "another long secret\n"), "secrets./run/secrets/key"),
        ("web", lambda: shop.write("page", "second page\n"), "image"),
        ("api", lambda: edit(shop, "restart: always", "restart: on-failure"), "restart_policy"),
    ]
    for changed, change, told in changes:
        change()
        done = shop.inv("deploy", "--no-verify")
        after = manager.versions(name)
        assert done.code == 0, done.err
        assert told in done.err
        assert "long secret" not in done.err + done.out
        assert [one for one in after if after[one] != before[one]] == [changed]
        before = after
    assert "second page" in manager.docker("service", "logs", "--raw", f"{name}_web")
    # Six deployments, of which the settings keep three, and what those name.
    assert revisions(manager, name) == ["4", "5", "6"]
    shop.write("invoke.yaml", SETTINGS.replace("keep: 3", "keep: 1"))
    edit(shop, 'MORE: "1"', 'MORE: "2"')
    assert shop.inv("deploy", "--no-verify").code == 0
    assert revisions(manager, name) == ["7"]
    contents = ("config", "ls", "-q", "--filter", "label=composetasks.deploy.content")
    assert len(manager.docker(*contents).split()) == 1
    assert shop.inv("deploy", "--rollback").code == 2


def test_a_check_leaves_services_alone_whose_names_begin_like_its_own(
    shop: Project, manager: Manager
) -> None:
    sleeper = f'{{image: {busybox.TAG}, command: [sh, -c, "{LOOP}"]}}'
    names = ("check-answers", "check-answers-too", "web")
    shop.compose("services:\n" + "".join(f"  {name}: {sleeper}\n" for name in names))
    shop.write("invoke.yaml", SETTINGS.replace('test "$BROKEN" = no', "true"))
    ran = shop.inv("deploy")
    assert ran.code == 0, ran.err
    assert sorted(manager.specs(shop.name)) == sorted(names)


def test_a_check_may_have_any_name_and_removes_what_was_left_of_one_with_the_same_job(
    shop: Project, manager: Manager
) -> None:
    """As when a deployment was killed during the second of two checks named in Japanese."""
    named = [f"{{name: {name}, service: web, command: ['true']}}" for name in ("起動", "応答")]
    shop.write(
        "invoke.yaml", f"stack:\n  deploy: {{endpoint: dnsrr}}\n  checks: [{', '.join(named)}]\n"
    )
    first = shop.inv("deploy")
    assert first.code == 0, first.err
    labels = (f"com.docker.stack.namespace={shop.name}", "composetasks.deploy.check=応答")
    options = [word for label in labels for word in ("--label", label)]
    left = ("--mode", "replicated-job", "--name", f"{shop.name}_check", *options)
    manager.docker("service", "create", "--detach", *left, busybox.TAG, "sleep", "1000")
    edit(shop, 'BROKEN: "no"', 'BROKEN: "maybe"')
    ran = shop.inv("deploy")
    assert ran.code == 0, ran.err
    assert sorted(manager.specs(shop.name)) == ["api", "prepare", "web"]


def test_what_fails_takes_all_of_the_stack_back(shop: Project, manager: Manager) -> None:
    name = shop.name
    assert shop.inv("deploy").code == 0
    specs = manager.specs(name)

    # One of two that changed fails by itself.
    edit(shop, 'BROKEN: "no"', 'BROKEN: "no", MORE: "1"')
    edit(shop, f'[sh, -c, "{LOOP}"]', "[sh, -c, \"echo 'FATAL: no disk left'; exit 3\"]")
    failed = shop.inv("deploy", "--json")
    assert failed.code == 8
    told = failed.lines[-1]
    assert told["service"] == "api"
    assert told["diagnosis"]["telling"] == "FATAL: no disk left"
    assert told["diagnosis"]["exit_code"] == 3
    assert told["diagnosis"]["check"] == "CMD true"
    assert len(told["taken_back"]) == 2
    assert manager.specs(name) == specs

    # All run, and the stack's own check fails.
    edit(shop, "[sh, -c, \"echo 'FATAL: no disk left'; exit 3\"]", f'[sh, -c, "{LOOP}"]')
    edit(shop, 'BROKEN: "no", MORE: "1"', 'BROKEN: "yes"')
    unverified = shop.inv("deploy")
    assert unverified.code == 8
    assert "the check answers failed" in unverified.err
    assert "asked" in unverified.err
    assert manager.specs(name) == specs
    edit(shop, 'BROKEN: "yes"', 'BROKEN: "no"')
    assert shop.inv("deploy", "--plan", "--exit-code").code == 0


def test_a_rollback_that_fails_too_is_told(shop: Project, manager: Manager) -> None:
    name = shop.name
    manager.docker("tag", busybox.TAG, f"{name}:gone")
    edit(shop, f"api:\n    image: {busybox.TAG}", f"api:\n    image: {name}:gone")
    edit(shop, "restart: always", "restart: always\n    configs: [theirs]")
    edit(shop, "configs: {conf:", f"configs: {{theirs: {{external: true, name: {name}-c}}, conf:")
    (shop.folder / "theirs").write_text("text")
    manager.docker("config", "create", f"{name}-c", str(shop.folder / "theirs"))
    assert shop.inv("deploy", "--no-verify").code == 0

    # Docker itself refuses the last record: what it names is gone.
    healthy = (shop.folder / "compose.yaml").read_text()
    edit(shop, "restart: always\n    configs: [theirs]", "restart: always")
    edit(shop, '[CMD, "true"], interval: 1s', '[CMD, "false"], interval: 1s, retries: 9')
    child = shop.start("deploy", "--no-verify", "--json", "--timeout", "15")

    def without_it() -> bool:
        return "Configs" not in manager.specs(name)["api"]["TaskTemplate"]["ContainerSpec"]

    wait_until(without_it)
    manager.docker("config", "rm", f"{name}-c")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 8, err
    told = json.loads(out.splitlines()[-1])
    assert "api is not up" in told["message"]
    assert "the stack could not be rolled back completely" in told["message"]
    assert told["as_before"] is False
    [why] = told["taken_back"]
    assert f"config not found: {name}-c" in why
    assert "deploy --rollback 1" in told["hint"]

    # Once that is there again, the hint works; then it is the image of the record that is gone.
    manager.docker("config", "create", f"{name}-c", str(shop.folder / "theirs"))
    back = shop.inv("deploy", "--no-verify", "--rollback", "1")
    assert back.code == 0, back.err
    shop.write("compose.yaml", healthy)
    edit(shop, f"image: {name}:gone", f"image: {busybox.TAG}")
    edit(shop, '[CMD, "true"], interval: 1s', '[CMD, "false"], interval: 1s, retries: 9')
    manager.docker("rmi", "--force", f"{name}:gone")
    failed = shop.inv("deploy", "--no-verify", "--timeout", "15")
    assert failed.code == 8, failed.err
    assert "api: rolled back to revision 2; not up: " in failed.err
    assert "the stack could not be rolled back completely" in failed.err
    assert "deploy --rollback 2" in failed.err


def test_a_first_deployment_that_fails_leaves_nothing(shop: Project, manager: Manager) -> None:
    dockerfile = (shop.folder / "Dockerfile").read_text()
    shop.write("Dockerfile", f"{dockerfile}RUN false\n")
    unbuilt = shop.inv("deploy")
    assert unbuilt.code == 7
    assert manager.specs(shop.name) == {}

    shop.write("Dockerfile", dockerfile)
    edit(shop, f'[sh, -c, "{LOOP}"]', '[sh, -c, "exit 3"]')
    edit(shop, "restart: always", 'restart: "no"')

    failed = shop.inv("deploy")

    assert failed.code == 8
    assert manager.specs(shop.name) == {}


def test_back_to_a_revision_by_hand_and_away(shop: Project, manager: Manager) -> None:
    name = shop.name
    assert shop.inv("deploy", "--rollback").code == 2
    assert shop.inv("deploy", "--no-verify").code == 0
    first = manager.specs(name)
    edit(shop, "content: one", "content: two")
    # A stack whose record, as JSON, is larger than what Swarm takes.
    large = f"labels: {{large: {'x' * 520_000}}}"
    edit(shop, "monitor: 2s}", f"monitor: 2s}}, {large}")
    edit(shop, "prepare:\n", f"prepare:\n    deploy: {{{large}}}\n")
    assert shop.inv("deploy", "--no-verify").code == 0
    second = manager.specs(name)

    assert shop.inv("deploy", "--no-verify", "--rollback").code == 0
    assert manager.specs(name) == first
    back = shop.inv("deploy", "--no-verify", "--rollback", "2")
    assert back.code == 0, back.err
    assert manager.specs(name) == second

    manager.docker("service", "scale", "--detach", f"{name}_api=2")
    drift = shop.inv("deploy", "--plan", "--json")
    assert planned(drift)[0] == f"update-service:{name}_api"
    [why] = drift.document["steps"][0]["because"]
    assert (why["kind"], why["old"], why["new"]) == ("drift", "1", "2")
    assert shop.inv("deploy", "--no-verify").code == 0
    assert manager.specs(name) == second

    text = (shop.folder / "compose.yaml").read_text()
    start, end = text.index("  api:"), text.index("configs: {conf")
    shop.write("compose.yaml", text[:start] + text[end:])
    refused = shop.inv("deploy", "--no-verify")
    assert refused.code == 4
    assert manager.specs(name) == second
    assert shop.inv("deploy", "--no-verify", "--yes").code == 0
    assert set(manager.specs(name)) == {"prepare", "web"}


def test_two_at_once_and_one_that_was_killed(
    shop: Project, manager: Manager, tmp_path: Path
) -> None:
    clone = replace(shop, folder=tmp_path / "clone")
    shutil.copytree(shop.folder, clone.folder)
    claim = ("config", "ls", "-q", "--filter", f"name={shop.name}_deploying")
    first = shop.start("deploy")
    wait_until(lambda: bool(manager.docker(*claim)))

    began = time.monotonic()
    second = clone.inv("deploy", "--wait-lock", "3")
    waited = time.monotonic() - began
    first.kill()
    first.communicate()
    third = clone.inv("deploy")

    assert second.code == 75
    assert f"another run is deploying {shop.name}: root@" in second.err
    assert f"`docker config rm {shop.name}_deploying`, on a manager, frees the stack" in second.err
    assert waited >= 3
    assert third.code == 0, third.err
    assert manager.docker(*claim) == ""

    # Who waits long enough takes its turn.
    edit(clone, 'BROKEN: "no"', 'BROKEN: "no", MORE: "1"')
    edit(shop, 'BROKEN: "no"', 'BROKEN: "no", MORE: "2"')
    first = shop.start("deploy", "--no-verify")
    wait_until(lambda: bool(manager.docker(*claim)))
    second = clone.inv("deploy", "--no-verify", "--wait-lock", "100")
    _, err = first.communicate(timeout=60)
    assert (first.returncode, second.code) == (0, 0), err + second.err
    environment = manager.specs(shop.name)["web"]["TaskTemplate"]["ContainerSpec"]["Env"]
    assert "MORE=1" in environment


def test_a_global_service_that_no_node_may_run_is_deployed_without_tasks(
    shop: Project, manager: Manager
) -> None:
    placed = "mode: global, placement: {constraints: [node.labels.disk == ssd]}"
    edit(shop, "update_config: {monitor: 2s}", placed)

    deployed = shop.inv("deploy", "--timeout", "60")

    assert deployed.code == 0, deployed.err
    assert "0 of 0 tasks" in deployed.out + deployed.err
    assert manager.docker("service", "ps", "-q", f"{shop.name}_api") == ""


def test_what_swarm_has_no_word_for_is_refused_and_nothing_is_made(
    shop: Project, manager: Manager
) -> None:
    edit(shop, "restart: always", 'ports: ["127.0.0.1:8080:80"]\n    volumes: ["./page:/page"]')

    refused = shop.inv("deploy")
    shop.write("swarm.yaml", "services: {api: {ports: !reset null, volumes: !reset null}}\n")
    shop.write("invoke.yaml", SETTINGS.replace("keep: 3", "keep: 3, files: [swarm.yaml]"))
    overridden = shop.inv("deploy", "--plan", INVOKE_STACK_DEPLOY_NAME="other")

    assert refused.code == 6
    assert "publishes 80 on 127.0.0.1 only" in refused.err
    assert "/page (bind)" in refused.err
    assert manager.specs(shop.name) == {}
    assert overridden.code == 0, overridden.err
    assert "other_api" in overridden.out
    assert f"{shop.name}_api" not in overridden.out


def test_the_stack_plans_without_a_blocker(manager: Manager, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for name in ("tasks.py", ".env.example", "compose", "train_eval_module"):
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, tmp_path / name)
    environment = {
        **own_environment(),
        "DOCKER_HOST": manager.address,
        "COMPOSE_FILE": "compose/compose.yaml:compose/compose.airgap.yaml",
        "POSTGRES_PASSWORD": "only-for-this-test",
        "INVOKE_STACK_DEPLOY_ENDPOINT": "dnsrr",
    }
    stack = Project(tmp_path, environment)

    # The node that keeps its state has to be named.
    unplaced = stack.inv("deploy", "--plan", "--json")
    [node] = manager.docker("node", "ls", "-q").split()
    label = "tiktok-safety.state=true"
    manager.docker("node", "update", "--label-add", label, node)
    plan = stack.inv("deploy", "--plan", "--json")

    assert unplaced.code == 6
    hints = {one["hint"] for one in unplaced.document["blockers"]}
    assert hints == {
        f"add the label to a node: `docker node update --label-add {label} NODE`, on a manager"
    }
    assert plan.code == 0, plan.err
    assert plan.document["blockers"] == []
    assert plan.document["warnings"] == []
    created = [
        one["service"] for one in plan.document["steps"] if one["action"] == "create-service"
    ]
    assert len(created) == 9
