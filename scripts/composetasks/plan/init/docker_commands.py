"""Docker's and Compose's commands, and the tasks that replace them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from composetasks.facts import Fate
from composetasks.plan.init.shell import LISTED


class Meaning(NamedTuple):
    """What happens to a command, which tasks replace it, and why."""

    fate: Fate
    tasks: tuple[str, ...] = ()
    why: str = ""


def done(*tasks: str, why: str) -> Meaning:
    """A command that tasks replace."""
    return Meaning(Fate.REPLACED, tasks, why)


WAITS = "waits until every service is ready, by its health check"


# --- docker -----------------------------------------------------------------------------------

MANAGED = ("container", "image", "volume", "network", "system", "builder", "buildx")


def of_docker(rest: list[str]) -> Meaning:
    """The meaning of ``docker`` with these arguments."""
    words = [word for word in rest if not word.startswith("-")]
    if words[:1] == ["compose"]:
        return of_compose(rest[rest.index("compose") + 1 :])
    if words[:1] == ["stack"]:
        return Meaning(Fate.UNKNOWN, why="what runs on the swarm")
    what = " ".join(words[:2]) if words and words[0] in MANAGED else next(iter(words), "")
    everything = LISTED in rest or "prune" in words
    if everything and what in EVERYTHING:
        return done(
            "down",
            "clean-orphans",
            why=f"{EVERYTHING[what]}; these tasks remove only this project's",
        )
    if what in DOCKER:
        meaning = DOCKER[what]
        return _with_name(meaning, rest) if meaning.tasks in (("logs",), ("exec",)) else meaning
    return Meaning(Fate.UNKNOWN, why=f"what `docker {what}` is for")


def _with_name(meaning: Meaning, rest: Sequence[str]) -> Meaning:
    """``logs`` with its flag to follow, ``exec`` with a placeholder for its command; SERVICE stands
    for the service, since the script names a container."""
    if meaning.tasks == ("exec",):
        return meaning._replace(tasks=("exec SERVICE COMMAND",))
    follow = any(
        word in ("-f", "--follow") or (word[:1] == "-" and word[1:2] != "-" and "f" in word)
        for word in rest
    )
    return meaning._replace(tasks=(f"logs {'--follow ' if follow else ''}SERVICE",))


_OF_ALL_CONTAINERS = "this affects the containers of every project on the machine"
_OF_ALL = "this affects other projects on this engine"
EVERYTHING = {
    **dict.fromkeys(("rm", "remove", "stop", "kill", "container rm"), _OF_ALL_CONTAINERS),
    **dict.fromkeys(("container stop", "container kill"), _OF_ALL_CONTAINERS),
    **dict.fromkeys(("rmi", "image rm", "volume rm", "network rm", "start"), _OF_ALL),
    **dict.fromkeys(("system prune", "container prune", "image prune", "volume prune"), _OF_ALL),
    **dict.fromkeys(("network prune", "builder prune", "buildx prune"), _OF_ALL),
}
_NAMES = done(
    "up", why="removes a stopped container that has a name it needs, and says who created it"
)
_STOPS = done("down", why="stops and removes this project's containers; state is kept")
_BUILDS = done("build", "up", why="build only what changed, once the service has `build:`")
EMPTIES = done("reset-state", why="empties state after a snapshot, which `restore` puts back")
_DECLARED = done("up", why="Compose creates what is declared under `networks:` and `volumes:`")
_SHOWS = done("status", why="shows every service, its health, ports and what is stale")
_ASKS = done("doctor", why="checks the engine, Compose, network, disk and the model in practice")
_CLEANS = done("clean-orphans", why="removes what is no longer needed of this project")
_LOGS = done("logs", why="merges the services by time, and continues when one is recreated")
_RUNS = done("exec", why="runs a command in the service's container")
DOCKER: Mapping[str, Meaning] = {
    **dict.fromkeys(("rm", "remove", "container rm"), _NAMES),
    **dict.fromkeys(("stop", "kill", "container stop", "container kill"), _STOPS),
    **dict.fromkeys(("build", "image build", "buildx build", "buildx bake"), _BUILDS),
    **dict.fromkeys(("volume rm", "volume prune"), EMPTIES),
    **dict.fromkeys(("volume create", "network create", "network connect"), _DECLARED),
    **dict.fromkeys(("network rm", "network prune", "rmi", "image rm"), _CLEANS),
    **dict.fromkeys(("ps", "container ls", "images", "image ls", "inspect", "port"), _SHOWS),
    **dict.fromkeys(("container inspect", "stats", "top"), _SHOWS),
    **dict.fromkeys(("info", "version", "system info", "system df"), _ASKS),
    **dict.fromkeys(("logs", "container logs"), _LOGS),
    **dict.fromkeys(("exec", "container exec"), _RUNS),
    **dict.fromkeys(("pull", "image pull"), done("up --pull", why="looks for newer images")),
    **dict.fromkeys(
        ("run", "container run", "create"),
        done("up", why="once it is a service of the compose file, with its ports and volumes"),
    ),
    **dict.fromkeys(("start", "container start"), done("up", why="starts what is not running")),
    **dict.fromkeys(("restart", "container restart"), done("restart", why="and waits")),
    "push": done("build --push", why="shares images by their build inputs, with stack.registry"),
    "login": Meaning(Fate.STAYS, why="needed once on each machine, not for a start"),
    "": _ASKS,
    "network inspect": _DECLARED,
    "network ls": _DECLARED,
    "volume inspect": _DECLARED,
    "volume ls": _DECLARED,
}


# --- docker compose ---------------------------------------------------------------------------

GLOBAL_WITH_VALUE = (
    *("-f", "--file", "-p", "--project-name", "--profile", "--env-file"),
    *("--project-directory", "--progress", "--ansi", "--parallel", "-c", "--context"),
)
NAMES = {
    "-f": "COMPOSE_FILE",
    "--file": "COMPOSE_FILE",
    "--profile": "COMPOSE_PROFILES",
    "-p": "COMPOSE_PROJECT_NAME",
    "--project-name": "COMPOSE_PROJECT_NAME",
    "--env-file": "COMPOSE_ENV_FILES",
}
"""The variable, in `.env` or the environment, that replaces an option for Compose and all tasks."""
WITH_VALUE = (
    *("--scale", "-t", "--timeout", "--wait-timeout", "--pull", "--attach"),
    *("--no-attach", "--exit-code-from", "--tail", "-n", "--since", "--until", "-u"),
    *("--user", "-w", "--workdir", "-e", "--env", "--index", "--name", "--rmi", "--progress"),
)


def of_compose(rest: list[str]) -> Meaning:
    """The meaning of ``docker compose`` with these arguments."""
    flags: dict[str, None] = {}
    while rest and rest[0].startswith(("-", "$")):
        flag, sign, _ = rest[0].partition("=")
        if flag in NAMES:
            flags[NAMES[flag]] = None
        rest = rest[2 if flag in GLOBAL_WITH_VALUE and not sign else 1 :]
    command, arguments = (rest[0], rest[1:]) if rest else ("ps", [])
    meaning = _of_subcommand(command, arguments)
    note = f"its options go into {' and '.join(flags)}" if flags else ""
    return meaning._replace(why="; ".join(filter(None, (meaning.why, note))))


def _of_subcommand(command: str, arguments: list[str]) -> Meaning:
    flags, services = _flags(arguments), " ".join(_services(arguments))
    if command == "down":
        return _of_down(flags)
    if command in ("logs", "exec"):
        meaning = _with_name(COMPOSE[command], arguments)
        name = " ".join(_services(arguments)[: 1 if command == "exec" else None])
        return meaning._replace(tasks=(meaning.tasks[0].replace("SERVICE", name).strip(),))
    if command == "up":
        return _of_up(flags, services)
    if command in ("build", "restart"):
        passed_on = [flag for flag in ("--no-cache", "--pull") if flag in flags]
        task = " ".join(filter(None, (command, *passed_on, services)))
        return COMPOSE[command]._replace(tasks=(task,))
    unknown = Meaning(Fate.UNKNOWN, why=f"what `docker compose {command}` is for here")
    return COMPOSE.get(command, unknown)


def _of_up(flags: Iterable[str], services: str) -> Meaning:
    notes = ["builds what changed, recreates what differs, and waits until every service is ready"]
    if "--scale" in flags:
        notes.append("the number of replicas is `scale:` or `deploy.replicas` in the file")
    if "--force-recreate" in flags:
        notes.append("`restart` starts again what did not change")
    if "--abort-on-container-exit" in flags or "--exit-code-from" in flags:
        notes.append("a service that exits on its own is a job, and `up` fails if the job fails")
    return done(f"up {services}".strip(), why="; ".join(notes))


def _of_down(flags: Iterable[str]) -> Meaning:
    whys = [_STOPS.why]
    tasks = ["down"]
    if {"-v", "--volumes"} & set(flags):
        tasks.append("reset-state")
        whys.append("`reset-state` empties the volumes, after a snapshot")
    if "--rmi" in flags:
        whys.append("images are rebuilt when their build inputs change, and need not be removed")
    if "--remove-orphans" in flags:
        tasks.append("clean-orphans")
    return done(*tasks, why="; ".join(whys))


def _flags(arguments: Iterable[str]) -> set[str]:
    """The flags, with combined ones such as ``-dv`` split."""
    flags = set()
    for word in arguments:
        if word.startswith("--"):
            flags.add(word.partition("=")[0])
        elif word.startswith("-"):
            flags |= {f"-{letter}" for letter in word[1:]}
    return flags


def _services(arguments: Sequence[str]) -> list[str]:
    """The words that are neither flags nor their values, and contain no variables."""
    words: list[str] = []
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in WITH_VALUE
        else:
            words.append(word)
    return [word for word in words if "$" not in word]


COMPOSE: Mapping[str, Meaning] = {
    "build": done("build", why="builds only what changed, and says which file changed"),
    "restart": done("restart", why="and waits until it is up"),
    "logs": _LOGS,
    "exec": _RUNS,
    "run": done(
        "up",
        why="runs a job once, and again when it is due: a service that others await "
        "with `service_completed_successfully`; `docker compose run` still works",
    ),
    "start": done("up", why="starts what is not running"),
    "create": done("up --no-wait", why="creates and starts"),
    **dict.fromkeys(("stop", "kill", "rm", "pause"), _STOPS),
    **dict.fromkeys(("ps", "ls", "top", "images", "stats", "port"), _SHOWS),
    **dict.fromkeys(("config", "convert"), done("env --check", why="checks model and variables")),
    "pull": done("up --pull", why="looks for newer images"),
    "push": done("build --push", why="shares images by their build inputs, with stack.registry"),
    "wait": done("up", why=WAITS),
    "version": _ASKS,
    "watch": done("watch", why="shows what an edit does, and builds only what changed"),
}
