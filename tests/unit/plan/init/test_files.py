"""What a project is given, and what of its own is left as it is."""

from __future__ import annotations

import ast
import io
from dataclasses import replace

import pytest
import yaml
from dotenv import dotenv_values

from composetasks.facts import InitPlan, ModelVariable, Proposal, ProposedFile, Surroundings
from composetasks.observe.compose import compose_dotenv
from composetasks.plan.init.files import plan_init
from composetasks.plan.init.specification import guessed, specification, specified

VARIABLES = (
    ModelVariable("POSTGRES_PASSWORD", required=True, message="set it", secret=True, value="x1"),
    ModelVariable("WEB_PORT", "8080"),
)
BARE = Surroundings("shop", variables=VARIABLES, contexts=(("", ".composetasks"),), git=True)


def by_path(plan: InitPlan) -> dict[str, ProposedFile]:
    return {one.path: one for one in plan.files}


def test_an_example_under_another_name_is_what_env_example_begins_with() -> None:
    seen = replace(BARE, example="# where the files are\nUPLOADS=./library\nWEB_PORT=80\n")
    text = by_path(plan_init(seen))[".env.example"].new
    assert "# where the files are\nUPLOADS=./library\n# type: port\nWEB_PORT=80\n" in text
    assert text.count("WEB_PORT=") == 1
    assert "POSTGRES_PASSWORD=\n" in text


def test_a_project_that_has_nothing_gets_all() -> None:
    files = by_path(plan_init(BARE))
    assert list(files) == [
        "tasks.py",
        ".env.example",
        "Makefile",
        "noxfile.py",
        ".github/workflows/smoke.yml",
        ".gitignore",
        ".dockerignore",
    ]
    assert {one.proposal for one in files.values()} == {Proposal.CREATE}
    ast.parse(files["tasks.py"].new)
    ast.parse(files["noxfile.py"].new)
    job = yaml.safe_load(files[".github/workflows/smoke.yml"].new)["jobs"]["smoke"]
    assert job["env"] == {"POSTGRES_PASSWORD": "only-for-this-run"}
    assert files[".gitignore"].new.splitlines()[1:] == ["/.composetasks/", "/.env"]
    assert "\n.composetasks\n" in files[".dockerignore"].new


def test_ci_is_told_where_we_come_from_where_only_this_machine_has_it() -> None:
    """By its name alone an index would be asked, which may have somebody else's."""
    files = by_path(plan_init(replace(BARE, requirement="")))
    assert 'session.install(os.environ["COMPOSETASKS"])' in files["noxfile.py"].new
    assert 'session.error("set COMPOSETASKS to a clone' in files["noxfile.py"].new
    job = yaml.safe_load(files[".github/workflows/smoke.yml"].new)["jobs"]["smoke"]
    assert job["env"]["COMPOSETASKS"].startswith("git+https://")
    known = by_path(plan_init(replace(BARE, requirement="composetasks @ git+https://x/y@1")))
    assert 'session.install("composetasks @ git+https://x/y@1")' in known["noxfile.py"].new
    assert "COMPOSETASKS" not in known[".github/workflows/smoke.yml"].new


def test_what_was_done_once_is_not_proposed_again() -> None:
    done = {one.path: one.new for one in plan_init(BARE).files}
    again = Surroundings("shop", done, {}, VARIABLES, BARE.contexts, git=True)
    assert plan_init(again).files == ()


def test_files_that_are_there_are_left_but_for_lines_at_the_end_of_ignore_files() -> None:
    texts = {
        "tasks.py": "from invoke import task\n\n@task\ndef lint(c):\n    pass\n",
        ".env.example": "# The port\nWEB_PORT=8080",
        "Makefile": "up:\n\tdocker compose up\n",
        "noxfile.py": '"""Sessions."""\nimport nox\n',
        ".gitignore": "*.pyc",
        ".dockerignore": "node_modules\n",
    }
    files = by_path(plan_init(Surroundings("shop", texts, {}, VARIABLES, BARE.contexts, git=True)))
    assert {path: files[path].proposal.value for path in texts} == {
        "tasks.py": "leave",
        ".env.example": "leave",
        "Makefile": "leave",
        "noxfile.py": "leave",
        ".gitignore": "append",
        ".dockerignore": "append",
    }
    assert files[".gitignore"].new.startswith("*.pyc\n# ")
    assert "up: ;" not in files["Makefile"].new
    assert "down: ; @composetasks down" in files["Makefile"].new
    assert files["noxfile.py"].new.startswith('"""Sessions."""\nimport os\nimport nox\n')
    assert "from composetasks.tasks import" in files["tasks.py"].new


@pytest.mark.parametrize(
    "text", ["from celery import Celery\n", "from composetasks import collection\nns = 1\n"]
)
def test_another_programs_tasks_are_none_of_ours_and_ours_are_there(text: str) -> None:
    assert "tasks.py" not in by_path(plan_init(Surroundings("shop", {"tasks.py": text})))


def test_what_git_has_or_ignores_and_what_no_build_is_sent_gets_no_line() -> None:
    seen = Surroundings(
        "shop",
        {".gitignore": ".composetasks\n", "api/.dockerignore": "*\n!src\n"},
        contexts=(("api", ".composetasks"),),
        git=True,
        tracked=frozenset({".env"}),
    )
    files = by_path(plan_init(seen))
    assert ".gitignore" not in files
    assert "api/.dockerignore" not in files


def test_gitlabs_job_where_the_project_uses_that() -> None:
    seen = Surroundings("shop", {".gitlab-ci.yml": "test:\n  script: [make test]\n"}, git=True)
    files = by_path(plan_init(seen))
    assert files[".gitlab-ci.yml"].proposal is Proposal.LEAVE
    assert set(yaml.safe_load(files[".gitlab-ci.yml"].new)) == {"test", "smoke"}
    assert ".github/workflows/smoke.yml" not in files


@pytest.mark.parametrize(
    ("name", "default", "value", "kind"),
    [
        ("WEB_PORT", "8080", "", "port"),
        ("WORKERS", "4", "", "int"),
        ("WORKERS", "4", "auto", ""),
        ("RATIO", "0.5", "", "float"),
        ("DEBUG", "false", "", "bool"),
        ("BASE_URL", "http://localhost:1", "", "url"),
        ("DATA", "./data", "", "path"),
        ("POSTGRES_VERSION", "15", "", ""),
        ("IMAGE_TAG", "3", "", ""),
        ("TIMEOUT", "30s", "", ""),
        ("NAME", "", "", ""),
    ],
)
def test_a_type_is_guessed_where_the_values_leave_no_doubt(
    name: str, default: str, value: str, kind: str
) -> None:
    assert " ".join(guessed(ModelVariable(name, default, value))) == kind


@pytest.mark.parametrize(
    ("name", "default", "kind"),
    [
        ("WEB_BIND", "9000", ""),
        ("UID", "1000", ""),
        ("WEB_PORT", "80", ""),
        ("RO", "true", "bool"),
    ],
)
def test_a_number_where_compose_has_a_form_of_its_own_leaves_doubt(
    name: str, default: str, kind: str
) -> None:
    assert " ".join(guessed(ModelVariable(name, default, formed=True))) == kind


def test_a_specification_shows_no_value_that_only_env_has_but_numbers_and_truths() -> None:
    text = specification(
        [
            ModelVariable("API_TOKEN", value="t0psecret", secret=True, comment=("From the wiki.",)),
            ModelVariable("HOST", value="db.internal"),
            ModelVariable("WORKERS", value="4"),
            ModelVariable("REPLICAS", value="3", formed=True),
            ModelVariable("COMPOSE_DB_PASSWORD", value="hunter22x", secret=True),
            ModelVariable("COMPOSE_HOST", value="db.internal"),
        ]
    )
    assert "hunter22x" not in text
    assert "\n\nREPLICAS=3\n" in text
    assert "t0psecret" not in text
    assert "db.internal" not in text
    assert "# From the wiki.\n# type: secret\nAPI_TOKEN=\n" in text
    assert "# type: int\nWORKERS=4\n" in text


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        ("a/b:1", "a/b:1"),
        ("Our shop", "'Our shop'"),
        ("a=1&b=2 # both", "'a=1&b=2 # both'"),
        ("${HOST}", ""),
        ("it's", ""),
        (r"a\b c", ""),
    ],
)
def test_a_default_is_shown_where_both_programs_read_it_alike(default: str, shown: str) -> None:
    text = specification([ModelVariable("TITLE", default)])
    assert text.endswith(f"\nTITLE={shown}\n")
    read = compose_dotenv.read(text, lambda _: None)
    assert [one.value for one in read] == [default if shown else ""]
    assert dotenv_values(stream=io.StringIO(text)) == {"TITLE": default if shown else ""}


def test_composes_own_settings_are_shown_as_env_has_them() -> None:
    text = specification([ModelVariable("COMPOSE_FILE", value="compose.yaml:dev.yaml")])
    assert "\nCOMPOSE_FILE=compose.yaml:dev.yaml\n" in text


def test_an_example_that_is_there_keeps_its_words() -> None:
    old = "# The page\n# Shown to all\nWEB_PORT=8080\nDEBUG=maybe\n"
    variables = [*VARIABLES, ModelVariable("DEBUG", "false")]
    assert specified(old, variables) == (
        "# composetasks: env\n\n# The page\n# Shown to all\n# type: port\nWEB_PORT=8080\n"
        "DEBUG=maybe\n\n# set it\n# type: secret\n# required\nPOSTGRES_PASSWORD=\n"
    )
