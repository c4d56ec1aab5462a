"""`inv env`, and the check before `inv up`, as a user meets them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project, Ran

COMPOSE = """\
name: shop
services:
  db:
    image: db
    environment:
      DB_PASSWORD: ${DB_PASSWORD:-dev}
      PASSED:
  web:
    image: web:${TAG:-1}
    environment: ["THRESHOLD=${THRESHOLD:-0.5}", "URL=pg://u:${DB_PASSWORD:-dev}@db/x"]
    volumes: ["data:/data"]
  worker:
    extends: {service: web}
    profiles: [more]
    env_file: .env
volumes:
  data:
    name: ${DATA:-data}
"""
EXAMPLE = """\
# composetasks: env
# When to flag.
# type: float 0..1
THRESHOLD=0.5
# type: secret
DB_PASSWORD=dev
# For other programs.
TOOL=x
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("compose.yaml", COMPOSE)
    project.write(".env.example", EXAMPLE)
    return project


def env_file(project: Project, text: str) -> None:
    project.write(".env", text).chmod(0o600)


def variables(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran.err
    return {one["name"]: one for one in ran.document["variables"]}


def test_every_variable_has_its_value_and_its_origin(shop: Project) -> None:
    env_file(shop, "THRESHOLD=0.7\nDB_PASSWORD=geheimnis7\n")
    found = variables(shop.inv("env", "--json", THRESHOLD="0.9", PASSED="through"))
    assert {name: (one["value"], one["source"]) for name, one in found.items()} == {
        "THRESHOLD": ("0.9", "process"),
        "DB_PASSWORD": ("***", ".env"),
        "TOOL": ("x", ".env.example"),
        "DATA": ("data", "compose"),
        "PASSED": ("through", "process"),
        "TAG": ("1", "compose"),
    }
    assert found["THRESHOLD"]["overrides"] == [{"source": ".env", "line": 1, "value": "0.7"}]
    assert found["THRESHOLD"]["meaning"] == "When to flag."
    assert [name for name, one in found.items() if one["secret"]] == ["DB_PASSWORD"]


def test_the_services_that_use_a_variable_are_those_compose_sees(shop: Project) -> None:
    env_file(shop, "TOOL=1\n")
    found = variables(shop.inv("env", "--json"))
    assert {name: one["services"] for name, one in found.items()} == {
        "THRESHOLD": ["web", "worker"],
        "DB_PASSWORD": ["db", "web", "worker"],
        "TOOL": ["worker"],
        "DATA": ["web", "worker"],
        "PASSED": ["db"],
        "TAG": ["web", "worker"],
    }


def running(service: str, *environment: str) -> dict[str, Any]:
    """A container of an older configuration, as the engine lists and describes it."""
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "older",
    }
    return {
        "Id": f"id-{service}",
        "Names": [f"/shop-{service}-1"],
        "Image": service,
        "ImageID": "sha256:1",
        "State": "running",
        "Status": "Up 2 hours",
        "Created": 1,
        "Labels": labels,
        "inspect": {"Id": f"id-{service}", "Config": {"Env": list(environment)}},
    }


def test_a_running_container_has_a_value_or_not_yet(shop: Project, engine: ScriptedEngine) -> None:
    """The tag is no variable of the container: only its whole configuration says it is older."""
    env_file(shop, "THRESHOLD=0.7\nDB_PASSWORD=geheimnis7\n")
    engine.containers = [
        running("web", "THRESHOLD=0.5", "URL=pg://u:geheimnis7@db/x"),
        running("db", "DB_PASSWORD=geheimnis6"),
    ]
    ran = shop.inv("env", "--json")
    found = variables(ran)
    assert {name: one["containers"] for name, one in found.items()} == {
        "THRESHOLD": {"web": False},
        "DB_PASSWORD": {"web": True, "db": False},
        "TOOL": {},
        "DATA": {"web": None},
        "PASSED": {"db": True},
        "TAG": {"web": None},
    }
    page = shop.inv("env")
    assert "not yet in web" in page.out
    assert "not yet in db" in page.out
    assert "`inv up` recreates db, web with the current values" in page.out
    assert "geheimnis" not in ran.out + ran.err + page.out + page.err
    assert engine.changes == []


def test_without_an_engine_nothing_is_said_of_containers(shop: Project) -> None:
    env_file(shop, "THRESHOLD=0.7\n")
    assert all(one["containers"] == {} for one in variables(shop.inv("env", "--json")).values())
    ran = shop.inv("env")
    assert "not yet in" not in ran.out
    assert (
        "whether the running containers have these values is unknown: no engine answers" in ran.err
    )


def test_a_silent_engine_is_not_waited_for_and_what_it_was_to_tell_is_said(
    shop: Project, engine: ScriptedEngine
) -> None:
    env_file(shop, "THRESHOLD=0.7\n")
    shop.environment["INVOKE_STACK_ENGINE_TIMEOUT"] = "600"
    for method, path in (("GET", "/version"), ("GET", "/containers/json")):
        engine.silent.add((method, path))
        ran = shop.inv("env")
        assert (ran.code, "THRESHOLD" in ran.out) == (0, True)
        assert "whether the running containers have these values is unknown: the engine " in ran.err
        engine.silent.clear()


def test_where_to_look_is_said_only_where_there_is_such_a_file(shop: Project) -> None:
    (shop.folder / ".env.example").unlink()
    shop.write("compose.yaml", COMPOSE.replace("${TAG:-1}", "${TAG:?which one}"))
    for name in ("", "env.example"):
        says = f"; {name} describes what .env may contain\n" if name else "\n"
        if name:
            shop.write(name, "TAG=1\n")
        assert shop.inv("up", "--plan").err.endswith(f"next: correct these{says}")
        assert shop.inv("env", "--check").err.endswith(f"next: correct them{says}")


def test_a_default_that_has_another_variable_is_shown_with_its_value(project: Project) -> None:
    nested = "${HOST_A:-${HOST_B:-web}.${DOMAIN}}${OPEN:-${HOST_C}}${AT:-pg://u:${DB_PASSWORD}@h}"
    nested += "${FIRST:-$SECOND}${SECOND:-a default of that place}"
    project.write(
        "compose.yaml", f"services: {{web: {{image: web, environment: {{H: '{nested}'}}}}}}"
    )
    project.write(".env", "HOST_B=shop\nDOMAIN=example.com\nDB_PASSWORD=hunter22\n")
    ran = project.inv("env", "--json")
    values = {one["name"]: (one["value"], one["source"]) for one in ran.document["variables"]}
    assert values["HOST_A"] == ("shop.example.com", "compose")
    assert values["FIRST"][0] == ""
    assert values["HOST_C"][1] == "unset"
    assert "hunter22" not in ran.out
    assert "hunter22" not in project.inv("env").out


def test_a_default_may_stand_in_hundreds_of_others(project: Project) -> None:
    nested = "".join(f"${{N{number}:-" for number in range(400)) + "end" + "}" * 400
    project.write(
        "compose.yaml", f"services: {{web: {{image: web, environment: {{H: '{nested}'}}}}}}"
    )
    project.write(".env", "N399=\n")
    values = variables(project.inv("env", "--json"))
    assert {values[f"N{number}"]["value"] for number in range(399)} == {"end"}


def test_a_value_of_several_lines_is_read_whole(shop: Project) -> None:
    env_file(shop, 'TOOL="one\nTHRESHOLD=9\nthree"\n')
    assert variables(shop.inv("env", "--json"))["TOOL"]["value"] == "one\nTHRESHOLD=9\nthree"


def test_the_page_names_what_is_wrong_and_how_to_correct_it(shop: Project) -> None:
    env_file(shop, "THRESHOLD=abc\nTOL=1\n")
    ran = shop.inv("env")
    assert ran.code == 0
    assert "fatal  .env:1 THRESHOLD: 'abc' is not a number from 0 to 1" in ran.out
    assert "did you mean TOOL?" in ran.out


def test_check_ends_with_6_where_something_is_fatal(shop: Project) -> None:
    env_file(shop, "TOL=1\n")
    assert shop.inv("env", "--check").code == 0
    ran = shop.inv("env", "--check", THRESHOLD="2")
    assert ran.code == 6
    assert "THRESHOLD: '2' is not a number from 0 to 1" in ran.out
    assert ran.err.startswith("error: the environment is invalid")
    as_json = shop.inv("env", "--check", "--json", THRESHOLD="2")
    assert as_json.code == 6
    assert [one["severity"] for one in as_json.document["problems"]] == ["fatal", "warning"]


def test_a_file_that_compose_refuses_is_explained_and_not_only_reported(shop: Project) -> None:
    env_file(shop, "A B=1\nTHRESHOLD=0.7\nTAG='\n")
    ran = shop.inv("env", "--json")
    assert ran.code == 0
    assert [(one["line"], one["severity"]) for one in ran.document["problems"]] == [
        (1, "fatal"),
        (3, "fatal"),
    ]


def test_up_with_a_bad_value_ends_with_6_before_it_asks_anybody(
    shop: Project, engine: ScriptedEngine
) -> None:
    env_file(shop, "DB_PASSWORD='\nTAG: 2\n")
    ran = shop.inv("up", THRESHOLD="abc")
    assert ran.code == 6
    assert [line.strip().partition(": ")[0] for line in ran.err.splitlines()[1:-1]] == [
        "environment",
        ".env:1",
        ".env:2",
    ]
    assert engine.requests == []


def test_up_without_a_specification_checks_only_what_compose_refuses(project: Project) -> None:
    project.write("compose.yaml", "services: {a: {image: 'a:${TAG:?say which}'}}\n")
    project.write(".env.example", "# type: int\nTAG=1\n")
    env_file(project, "WORD=pa$word\n")
    ran = project.inv("up")
    assert ran.code == 6
    assert "compose.yaml:1: TAG: required by the compose file, but not set: say which" in (ran.err)
    assert project.inv("env", "--check", TAG="x").code == 0


def test_the_env_file_beside_tasks_py_counts_where_the_settings_name_the_compose_file(
    project: Project,
) -> None:
    """By option, Compose would read sub/.env alone."""
    project.write("sub/compose.yaml", COMPOSE.replace("env_file: .env", ""))
    project.write("sub/.env", "TAG=sub\nDATA=sub\n")
    project.write(
        "tasks.py",
        "from composetasks import collection\n"
        "ns = collection(config={'stack': {'files': ['sub/compose.yaml']}})\n",
    )
    env_file(project, "TAG=root\n")
    found = variables(project.inv("env", "--json"))
    assert (found["TAG"]["value"], found["TAG"]["source"]) == ("root", ".env")
    assert found["TAG"]["overrides"] == [{"source": "sub/.env", "line": 1, "value": "sub"}]
    assert (found["DATA"]["value"], found["DATA"]["source"]) == ("sub", "sub/.env")


INCLUDING = """
name: shop
include: [{path: parts/part.yaml, env_file: parts/part.env}]
services:
  web:
    image: web
    environment: ["${NAMED}=x", "${WHOLE}"]
    labels: {"${KEY}": "1", plain: "${VALUE-}"}
    build: {context: ., args: ["${ARG}=2"]}
"""


def _values(ran: Ran) -> dict[str, tuple[str | None, str]]:
    variables = ran.document["variables"]
    return {one["name"]: (one["value"], one["source"]) for one in variables}


def test_a_model_that_includes_and_lists_has_the_variables_compose_uses(project: Project) -> None:
    project.write("compose.yaml", INCLUDING)
    project.write("parts/part.yaml", "services: {part: {image: 'part:${PART}${OUTER:-no}'}}\n")
    project.write("parts/part.env", "PART=7\nOUTER=inner\n")
    project.write(".env", "OUTER=outer\nNAMED=A\n")
    ran = project.inv("env", "--json")
    assert ran.code == 0
    found = _values(ran)
    assert found["PART"] == ("7", "parts/part.env")
    assert found["OUTER"] == ("outer", ".env")
    assert found["NAMED"] == ("A", ".env")
    # A mapping's key is no place for a variable, to Compose.
    assert found.keys() == {"PART", "OUTER", "NAMED", "WHOLE", "VALUE", "ARG"}
    assert "valid" in project.inv("env", "--check").out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("image: web", "image: web\n    ports: [no-port]"), "no-port"),
        (("image: web", "image: [web"), "yaml"),
        (("image: web", "image: web\n    env_file: gone.env"), "gone.env not found"),
    ],
)
def test_a_refused_model_is_not_valid_and_still_has_variables(
    project: Project, change: tuple[str, str], said: str
) -> None:
    project.write("compose.yaml", INCLUDING.replace(*change))
    project.write("parts/part.yaml", "services: {part: {image: part}}\n")
    project.write("parts/part.env", "")
    ran = project.inv("env", "--json")
    assert ran.code == 0
    assert {"NAMED", "WHOLE", "ARG"} <= _values(ran).keys()
    [problem] = ran.document["problems"]
    assert (problem["severity"], said in problem["message"]) == ("fatal", True)
    checked = project.inv("env", "--check")
    assert checked.code == 6
    assert said in checked.out


def test_a_slip_of_the_pen_is_among_a_starts_warnings(
    shop: Project, engine: ScriptedEngine
) -> None:
    shop.write(".env", "THRESHLOD=0.9\n")
    [warning] = [
        one for one in shop.inv("up", "--plan", "--json").document["warnings"] if "THRESHLOD" in one
    ]
    assert warning.startswith(".env:1: THRESHLOD: there is no such variable")
    assert "did you mean THRESHOLD?" in warning
