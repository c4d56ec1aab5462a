"""What is up where Compose says so: services without a health check, jobs, and what is restarted.

`docker compose up -d --wait` is content with everything here, or `up -d` where there are jobs.
"""

from __future__ import annotations

import json

import pytest

from tests.engine.stacks import docker, free_port
from tests.project import Project, Ran

LISTENS = """
services:
  many: {{image: ct-test/busybox, init: true, command: [httpd, -f, -p, "80"],
    expose: ["80", "443", "9000-9002"]}}
  late: {{image: ct-test/busybox, init: true, ports: ["127.0.0.1::83"],
    command: [sh, -c, "sleep 1; exec httpd -f -p 127.0.0.1:83"]}}
  six: {{image: ct-test/busybox, init: true, command: [httpd, -f, -p, "[::]:86"], expose: ["86"]}}
  nowhere: {{image: ct-test/busybox, init: true, network_mode: none,
    command: [httpd, -f, -p, "81"], expose: ["81"]}}
  beside: {{image: ct-test/busybox, init: true, network_mode: "service:many",
    command: [httpd, -f, -p, "82"]}}
  host: {{image: ct-test/busybox, init: true, network_mode: host,
    command: [httpd, -f, -p, "127.0.0.1:{port}"], expose: ["{port}"]}}
  names: {{image: ct-test/busybox, init: true, command: [nc, -l, -p, "98"],
    ports: ["127.0.0.1::53/udp"]}}
  worker: {{build: worker, init: true, command: [nc, -l, -p, "99"]}}
  dev: {{image: ct-test/busybox, init: true, command: [sleep, infinity],
    ports: ["127.0.0.1::8000"]}}
  shell: {{image: ct-test/busybox, tty: true, stdin_open: true, ports: ["127.0.0.1::8001"]}}
"""


def said(ran: Ran) -> dict[str, str]:
    """What was said of each service when it was up or done."""
    return {
        line["service"]: line["message"]
        for line in ran.lines
        if line["event"] == "service-state" and line.get("state") in ("up", "done")
    }


def warned(ran: Ran) -> list[str]:
    return [line["message"] for line in ran.lines if line["event"] == "warning"]


def test_what_listens_is_read_where_it_listens(project: Project) -> None:
    port = free_port()
    project.compose(LISTENS.format(port=port))
    project.write(
        "worker/Dockerfile",
        f"FROM ct-test/busybox\nEXPOSE 80 443\nLABEL of={project.name}\n",
    )
    ran = project.inv("up", "--json", "--timeout", "60")
    assert ran.code == 0, ran.err
    assert said(ran) == {
        "many": "listening on port 80",
        "late": "listening on port 83",
        "six": "listening on port 86",
        "nowhere": "listening on port 81",
        "beside": "running",
        "host": f"listening on port {port}",
        "names": "running",
        "worker": "running",
        "dev": "running",
        "shell": "running",
    }
    [warning] = warned(ran)
    assert warning.startswith("late listens on port 83 only on 127.0.0.1 inside the container")


CLOSED = """
services:
  web: {image: ct-test/busybox, init: true, command: [httpd, -f, -p, "1234"], expose: ["8080"]}
"""


def test_a_port_that_stays_closed_is_a_warning_unless_it_is_asked_for(project: Project) -> None:
    project.compose(CLOSED)
    ran = project.inv("up", "--json", "--timeout", "4")
    assert ran.code == 0, ran.err
    told = [line["message"] for line in ran.lines if line["event"] == "service-state"]
    assert "waiting for it to listen on port 8080 (it listens on: 1234)" in told
    [warning] = warned(ran)
    assert warning.startswith("web running, but not listening on port 8080 (it listens on: 1234)")

    def again(ready: str) -> Ran:
        docker("rm", "-f", f"{project.name}-web-1")
        project.write("invoke.yaml", f"stack: {{services: {{web: {{ready: {ready}}}}}}}\n")
        return project.inv("up", "--json", "--timeout", "2")

    ran = again("listening")
    assert (ran.code, ran.lines[-1]["kind"]) == (8, "port-refused"), ran.err
    assert "running, but did not listen on port 8080 within 2 s" in ran.err
    ran = again("running")
    assert (ran.code, warned(ran)) == (0, [])
    ran = again("healthy")
    assert (ran.code, ran.lines[-1]["kind"]) == (8, "no-health-check")
    assert again("perhaps").code == 2


EXITS = """
services:
  cycles: {image: ct-test/busybox, restart: unless-stopped, command: ["true"]}
  server: {image: ct-test/busybox, command: [sh, -c, "echo went to the background"],
    expose: ["80"]}
"""


def test_exit_code_0_is_an_end_unless_it_should_stay_up(project: Project) -> None:
    project.compose(EXITS)
    ran = project.inv("up", "--json")
    assert ran.code == 0, ran.err
    assert said(ran) == {"cycles": "exits and is restarted", "server": "exited with code 0"}
    assert sorted(one.split(" ", 1)[1][:27] for one in warned(ran)) == [
        "exited with code 0 although",
        "exits with code 0 and is re",
    ]
    docker("rm", "-f", f"{project.name}-server-1")
    project.write("invoke.yaml", "stack: {services: {server: {ready: running}}}\n")
    ran = project.inv("up", "server", "--json")
    assert (ran.code, ran.lines[-1]["kind"]) == (8, "ended-early"), ran.err
    assert "went to the background" in ran.err


FAILS_AT_FIRST = """
services:
  db: {image: ct-test/busybox, init: true, command: [sh, -c, "
      until test -e /tmp/go; do sleep 0.1; done; exec httpd -f -p 80"]}
  app: {image: ct-test/busybox, init: true, restart: always, command: [sh, -c, "
      nc db 80 < /dev/null || exit 1; exec sleep 1000"]}
  job: {image: ct-test/busybox, restart: on-failure, volumes: ["tries:/tries"], command: [sh, -c, "
      echo try >> /tries/all; test $$(wc -l < /tries/all) -ge 6"]}
  after: {image: ct-test/busybox, init: true, command: [sleep, "1000"],
    depends_on: {job: {condition: service_completed_successfully}}}
  fine: {image: ct-test/busybox, restart: on-failure, command: ["true"]}
volumes: {tries: {}}
"""


def test_what_is_started_again_until_it_works_is_up(project: Project) -> None:
    project.compose(FAILS_AT_FIRST)
    child = project.start("up", "--json")
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(json.loads(line))
        if "restarted" in str(lines[-1].get("message")):
            docker("exec", f"{project.name}-db-1", "touch", "/tmp/go")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    ran = Ran(0, "".join(f"{json.dumps(line)}\n" for line in lines), err)
    assert said(ran) == {
        "db": "running",
        "app": "running",
        "job": "exited with code 0",
        "after": "running",
        "fine": "exited with code 0",
    }


DOES_WITHOUT = """
services:
  broken: {image: ct-test/busybox, command: ["false"]}
  ill: {image: ct-test/busybox, init: true, command: [sleep, "1000"],
    healthcheck: {test: [CMD, "false"], interval: 200ms, retries: 1}}
  loops: {image: ct-test/busybox, restart: always, command: ["false"]}
  hungry: {image: ct-test/busybox, command: [sh, -c, "tail /dev/zero; exit 0"], mem_limit: 8m,
    memswap_limit: 8m}
  app: {image: ct-test/busybox, init: true, command: [sleep, "1000"], depends_on: {
    broken: {condition: service_completed_successfully, required: false},
    ill: {condition: service_healthy, required: false},
    loops: {condition: service_healthy, required: false},
    hungry: {condition: service_completed_successfully}}}
"""


def test_what_can_be_done_without_stops_nothing(project: Project) -> None:
    project.compose(DOES_WITHOUT)
    # Longer than the test may take: nothing is waited for until its time is over.
    ran = project.inv("up", "--json", "--timeout", "600")
    assert ran.code == 0, ran.err
    assert said(ran)["app"] == "running"
    assert any(one.startswith("broken is not up (exited with code 1)") for one in warned(ran))
    assert any(one.startswith("ill is not up") for one in warned(ran))
    assert any(one.startswith("loops is not up (restarted 3 times") for one in warned(ran))
    timeline = project.inv("timeline", "--json").document
    assert timeline["critical_path"][-1] == "app"
    [ill] = [one for one in timeline["services"] if one["name"] == "ill"]
    assert (ill["state"], bool(ill["failed"]), ill["ready"]) == ("failed", True, None)


TELLS = """
services:
  db: {image: ct-test/busybox, init: true, command: [sleep, "1000"], healthcheck: {
    test: [CMD-SHELL, "test -e /tmp/ok && exit; echo no answer from the store; exit 2"],
    interval: 300ms, retries: 1}}
  later: {image: ct-test/busybox, init: true, command: [sleep, "1000"]}
"""


def test_a_failing_health_check_is_told_at_once(project: Project) -> None:
    project.compose(TELLS)
    child = project.start("up", "db")
    assert child.stderr is not None
    says = "db: health check exited with code 2: no answer from the store\n"
    for line in child.stderr:
        if line == says:
            docker("exec", f"{project.name}-db-1", "touch", "/tmp/ok")
            break
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "db: healthy in" in err


PAGE = r"""
services:
  good: {image: ct-test/busybox, init: true, command: [sleep, "1000"]}
  one: {image: ct-test/busybox, init: true, deploy: {replicas: 3}, volumes: ["one:/one"],
    command: [sh, -c, "%s"]}
  never: {image: ct-test/busybox, init: true, command: [sleep, "1000"]}
  off: {image: ct-test/busybox, init: true, command: [sleep, "1000"], deploy: {replicas: 0}}
volumes: {one: {}}
"""


@pytest.mark.parametrize(
    ("prints", "reason"),
    [
        (r"10%%\\r90%%\\rERROR: disk full\\rdone\\n", "ERROR: disk full"),
        (r"\\033[31mERROR\\033[0m: disk full\\n", "ERROR: disk full"),
        (r"a\\vERROR: disk full\\fb\\n", "ERROR: disk full"),
        (r"a\\342\\200\\250ERROR: disk full\\n", "ERROR: disk full"),
    ],
    ids=["carriage returns", "colours", "tabs", "separators"],
)
def test_the_reason_is_found_in_what_a_terminal_would_show(
    project: Project, prints: str, reason: str
) -> None:
    command = f"printf '{prints}'; exit 3"
    if "033" in prints:
        # One of three replicas: the page says which.
        command = f"mkdir /one/it && {{ {command}; }}; exec sleep 1000"
    project.compose(PAGE % command)
    ran = project.inv("up", "good", "one", "--json")
    assert ran.code == 8, ran.err
    last = ran.lines[-1]
    assert last["diagnosis"]["telling"] == reason
    assert "never" not in last["diagnosis"]["standing"]
    assert "off" not in last["diagnosis"]["standing"]
    assert last["message"].startswith(f"one ({last['diagnosis']['container']}) is not up: ")
