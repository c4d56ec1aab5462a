"""What replaces each line of a start script: over scripts as projects have them, made small."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import Fate, Replacement
from composetasks.plan.init.replacements import replacements

SCRIPTS = Path(__file__).parents[3] / "corpus" / "scripts"
SCRIPT = {path.stem: path.read_text("utf-8") for path in SCRIPTS.glob("*.sh")}
EXPECTED = {path.stem: path.read_text("utf-8") for path in SCRIPTS.glob("*.expected")}
"""For each line of a script its place, what becomes of it, and the tasks that do it instead."""


def line(replacement: Replacement) -> str:
    place = (
        str(replacement.first)
        if replacement.first == replacement.last
        else f"{replacement.first}-{replacement.last}"
    )
    return f"{place} {replacement.fate.value} {', '.join(replacement.tasks)}".rstrip()


@pytest.mark.parametrize("name", sorted(SCRIPT))
def test_a_start_script_line_by_line(name: str) -> None:
    assert [line(one) for one in replacements(SCRIPT[name])] == EXPECTED[name].splitlines()


def test_there_are_a_dozen_of_them() -> None:
    assert len(SCRIPT) >= 12
    assert sorted(SCRIPT) == sorted(EXPECTED)


@pytest.mark.parametrize(
    ("command", "tasks"),
    [
        ("docker rm -f db", "up"),
        ("docker rm -f $(docker ps -aq)", "down, clean-orphans"),
        ("docker ps -aq | xargs docker rm -f", "down, clean-orphans"),
        ("docker ps -q --filter name=shop | xargs -r docker stop", "down"),
        ("docker compose down -v", "down, reset-state"),
        ("docker-compose down -vt 5 --remove-orphans", "down, reset-state, clean-orphans"),
        ("docker compose -f a.yml --profile dev up --build -d web", "up web"),
        ("sudo -E docker-compose --env-file=.env up -t 10 web db", "up web db"),
        ('DC="docker compose -p x"; $DC up db', "up db"),
        ("docker compose up $SERVICES", "up"),
        ("docker compose build --progress plain web", "build web"),
        ("docker compose build --no-cache web", "build --no-cache web"),
        ("docker compose logs -f --tail 10 web", "logs --follow web"),
        ("docker compose exec -T -u root db psql -c 'select 1'", "exec db COMMAND"),
        ("docker exec -it db psql", "exec SERVICE COMMAND"),
        ("docker logs -f web", "logs --follow SERVICE"),
        ("docker volume rm shop_data", "reset-state"),
        ("docker network create shop", "up"),
        ("docker system prune -f", "down, clean-orphans"),
        ("sleep 30", "up"),
        ("until pg_isready -h db; do sleep 1; done", "up"),
        ("while ! nc -z localhost 5432; do sleep 0.1; done", "up"),
        ("export $(cat .env | xargs)", "env"),
        (". ./.env", "env"),
    ],
)
def test_a_command_and_the_tasks_that_replace_it(command: str, tasks: str) -> None:
    (result,) = replacements(command)
    assert (result.fate, ", ".join(result.tasks)) == (Fate.REPLACED, tasks)


@pytest.mark.parametrize(
    ("command", "replaced"),
    [
        ("rm -rf mysql-data/*", True),
        ("sudo rm -rf ./volumes/db", True),
        ('rm -r -f "$(pwd)/volumes/"', True),
        ("rm -rf ../mysql-data volumes/db/base", True),
        ("rm -rf -- ${PWD}/mysql-data", True),
        ("rm -rf mysql-data build", False),
        ("rm -rf mysql-database", False),
        ("rm -f /tmp/lock", False),
        ("rm -rf ./*", False),
        ("rm -rf /mysql-data", False),
    ],
)
def test_state_that_is_removed_by_hand_is_emptied_by_a_task(command: str, replaced: bool) -> None:
    (result,) = replacements(command, ("mysql-data", "volumes/db"))
    assert result.tasks == (("reset-state",) if replaced else ())
    assert result.fate is (Fate.REPLACED if replaced else Fate.UNKNOWN)


def test_where_a_script_removes_a_part_of_state_the_task_that_empties_all_of_it_says_so() -> None:
    whole, part = (replacements(f"rm -rf ./data/{end}", ("data",))[0] for end in ("*", "cache"))
    assert whole.tasks == part.tasks == ("reset-state",)
    assert "all of data" not in whole.why
    assert part.why.startswith("empties all of data after a snapshot")


@pytest.mark.parametrize(
    "command", ["npm run migrate", "./seed.sh", "docker frobnicate", 'echo "never closed']
)
def test_what_is_not_understood_is_said(command: str) -> None:
    (result,) = replacements(command)
    assert result.fate is Fate.UNKNOWN
    assert result.why


def test_a_line_of_which_half_is_understood() -> None:
    (result,) = replacements("docker compose up -d && npm start")
    assert (result.fate, result.tasks) == (Fate.UNKNOWN, ("up",))
    assert "what npm does" in result.why


def test_options_of_compose_have_names_that_every_task_knows() -> None:
    (result,) = replacements("docker compose -f dev.yml --profile web up")
    assert "COMPOSE_FILE and COMPOSE_PROFILES" in result.why
