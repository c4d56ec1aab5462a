"""What `inv status` shows of what services tell of themselves."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import docker
from tests.project import Project

SECRET = "correct-horse-battery"
SCRIPTS = {
    "tells": (
        r"printf 'lag: 1000\n\033[31mmodel\033[0m: \033[1mab12\033[0m\007\nno fact\n'"
        f"; echo of: {SECRET}; yes 'flood: x'"
    ),
    "hangs": "echo lag: 1; sleep 1000",
    "fails": "echo lag: 1; echo no lag is known >&2; exit 3",
    "silent": "true",
}
LABELS = {
    **{name: f"sh /facts/{name}" for name in SCRIPTS},
    "absent": "nowhere --at all",
    "garbled": "say 'no end",
    "page": ":8080/facts",
    "gone": ":8080/nowhere",
    "closed": ":9/facts",
    "chosen": "false",
    "quiet": "",
}
LATE = "no answer within 3 s"
TRIES = 30
"""How often it is asked on a machine so busy that others are late as well, or that the engine drops
what a command has written: it waits two seconds for that after the command's end."""
FAILS = "`sh /facts/fails` exited with code 3: no lag is known"
COMMANDS = (*SCRIPTS, "absent", "chosen")


def compose(project: Project) -> None:
    services = ""
    for name, label in LABELS.items():
        serves = name in ("page", "gone")
        service = {
            "image": "ct-test/busybox",
            "init": True,
            "command": ["httpd", "-f", "-p", "8080", "-h", "/facts"]
            if serves
            else ["sleep", "1000"],
            "stop_grace_period": "0s",
            "volumes": ["./facts:/facts:ro"],
            "ports": ["127.0.0.1::8080"] if serves else [],
            "labels": {"composetasks.facts": label} if label else {},
        }
        services += f"  {name}: {json.dumps(service)}\n"
    project.compose(f"services:\n{services}")
    for name, script in {**SCRIPTS, "facts": "posts: 12\n"}.items():
        project.write(f"facts/{name}", script)
    project.write(".env", f"SHOP_PASSWORD={SECRET}\n")
    said = {"chosen": {"facts": ["sh", "-c", "echo by: a setting"]}}
    project.write("invoke.yaml", json.dumps({"stack": {"services": said}}))


def test_what_services_tell_is_shown_and_none_of_them_stops_the_rest(
    project: Project, tmp_path: Path
) -> None:
    compose(project)
    assert project.inv("up").code == 0
    with EngineProxy(tmp_path / "engine.sock") as proxy:
        for _ in range(TRIES):
            already = len(proxy.requests)
            ran = project.inv("status", "--json", DOCKER_HOST=proxy.address)
            assert ran.code == 0, ran.err
            services = {one["name"]: one for one in ran.document["services"]}
            late = [name for name, one in services.items() if one["facts_problem"] == LATE]
            written = services["tells"]["facts"] and services["chosen"]["facts"]
            if late == ["hangs"] and written and services["fails"]["facts_problem"] == FAILS:
                break
        executed = [one for one in proxy.requests[already:] if one.endswith("/exec")]

    facts = {name: one["facts"] for name, one in services.items() if one["facts"]}
    assert facts == {
        "tells": {"lag": "1000", "model": "ab12", "of": "***", "flood": "x"},
        "page": {"posts": "12"},
        "chosen": {"by": "a setting"},
    }
    problems = {
        name: one["facts_problem"] for name, one in services.items() if one["facts_problem"]
    }
    assert "nowhere" in problems.pop("absent")
    assert "/nowhere was answered with 404" in problems.pop("gone")
    assert problems == {
        "hangs": LATE,
        "fails": FAILS,
        "silent": "its answer contains no line `name: value`",
        "garbled": "No closing quotation",
        "closed": "port 9 is not published",
    }
    assert len(executed) == len(COMMANDS), executed

    pages = (project.inv("status").out for _ in range(TRIES))
    page = next(one for one in pages if one.count("not available") == len(problems) + 2)
    assert "tells: lag 1000, model ab12, of ***, flood x" in page
    assert "fails: facts: not available: `sh /facts/fails` exited with code 3" in page
    assert "quiet:" not in page


def test_a_watch_shows_facts_again_and_asks_none_that_still_hangs(project: Project) -> None:
    compose(project)
    project.write("facts/tells", "cat /facts/now")
    project.write("facts/now", "lag: 7\n")
    assert project.inv("up", "tells", "hangs", "quiet").code == 0
    child = project.start("status", "--watch", "--json")
    assert child.stdout is not None
    try:
        first = json.loads(child.stdout.readline())
        project.write("facts/now", "lag: 8\n")
        assert project.inv("restart", "quiet").code == 0
        lags = []
        while "8" not in lags:
            told = {one["name"]: one for one in json.loads(child.stdout.readline())["services"]}
            lags.append(told["tells"]["facts"]["lag"])
            assert told["hangs"]["facts_problem"] == "no answer within 3 s"
        asked = docker("top", f"{project.name}-hangs-1").count("sh /facts/hangs")
    finally:
        child.terminate()
        child.communicate()
    assert {one["name"]: one["facts"] for one in first["services"]}["tells"] == {"lag": "7"}
    assert asked == 1
