"""Writes the pages of docs/reference/ that repeat what the code says; a test holds them to it.

python scripts/reference.py        write them
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

from composetasks.facts import Action, ExitCode
from composetasks.facts.program import COMPOSETASKS
from composetasks.plan.conflicts.origin import ContainerState, Origin
from composetasks.plan.conflicts.policy import CONSENT, IN_THE_WAY, LEFT_OVER, Treatment
from composetasks.tasks import TASKS
from composetasks.tasks.program import OWN

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
GENERATED = "<!-- written by scripts/reference.py from the code; do not edit -->\n"

CODES = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.FAILED: "an expected failure with no code of its own",
    ExitCode.USAGE: "wrong usage: unknown service, task or flag, bad value",
    ExitCode.BUG: "a bug of ours: one line, and the traceback in the run folder",
    ExitCode.REFUSED: "refused: a step needs consent that was not given; nothing was changed",
    ExitCode.NO_ENGINE: "no usable engine (not installed, not running, no permission, too old)",
    ExitCode.INVALID: (
        "the environment or the Compose model is invalid: a variable, a missing context or mount "
        "source, no active service"
    ),
    ExitCode.BUILD_FAILED: "a build failed",
    ExitCode.NOT_HEALTHY: "not healthy in time, or a container failed while starting",
    ExitCode.CONFLICT: (
        "a conflict that can't be resolved: a port, name or checkout in use by something we must "
        "not touch, or two of our own services that want the same one"
    ),
    ExitCode.CHANGES: "`--plan` with `--exit-code`: there is something to do",
    ExitCode.LOCKED: "another run holds the lock (who, since when)",
    ExitCode.INTERRUPTED: "interrupted: children ended, nothing half-applied left unreported",
    ExitCode.TERMINATED: "terminated: the same",
}

ACTIONS = {
    Action.BUILD_IMAGE: (
        "an image's tag",
        "builds it: its inputs changed or it is missing",
    ),
    Action.PULL_IMAGE: (
        "an image's tag",
        "fetches it from its registry, or one of the same inputs from the shared one",
    ),
    Action.RETAG_IMAGE: (
        "an image's tag",
        "gives it to the image that these inputs made before; nothing is built",
    ),
    Action.PUSH_IMAGE: (
        "an image's name in the shared registry",
        "puts the image there, for those who have the same inputs",
    ),
    Action.REMOVE_CONTAINER: (
        "a container's name",
        "stops it where it runs, keeps its record and last log lines, removes it; volumes stay",
    ),
    Action.RENAME_CONTAINER: ("a container's name", "repairs a name left by a failed recreate"),
    Action.STOP_CONTAINER: ("a container's name", "stops it; it is started again by a later step"),
    Action.REMOVE_NETWORK: ("a network's name", "removes a network of this project"),
    Action.REMOVE_IMAGE: ("an image's tag", "removes the tag, and the image with its last one"),
    Action.END_INSTANCE: (
        "an instance's project",
        "removes all that is left of an instance whose owner has ended, its state too",
    ),
    Action.SNAPSHOT: ("a snapshot's name", "keeps a copy of the state"),
    Action.EMPTY_STATE: ("a volume or folder", "empties it"),
    Action.RESTORE_STATE: ("a volume or folder", "puts a snapshot's content in its place"),
    Action.CREATE_CONTAINER: ("a container's name", "creates it by Compose and starts it"),
    Action.RECREATE_CONTAINER: (
        "a container's name",
        "replaces it by Compose and starts it; its volumes stay",
    ),
    Action.START_CONTAINER: ("a container's name", "starts it as it is"),
    Action.RESTART_CONTAINER: (
        "a container's name",
        "stops it after its hooks, where it runs, and starts it as it is, by Compose",
    ),
    Action.RUN_PROVIDER: (
        "a service",
        "has Compose run its provider, once for all that depend on it and start at the same time",
    ),
    Action.STOP_PROVIDER: ("a service", "has Compose end what its provider made"),
    Action.WAIT: ("a container's name", "waits until it is up; it runs already"),
    Action.SEND: (
        "a file or folder of this machine",
        "sends what changed in it to the volume that stands for its bind mounts on another host",
    ),
    Action.FORWARD_PORT: (
        "a service and its port",
        "lets a port of this machine lead to it, where the engine is behind ssh",
    ),
    Action.END_FORWARDS: ("the project", "ends what was forwarded to this machine"),
    Action.RUN_CHECK: ("a check's name", "runs a check that the settings declare"),
    Action.RUN_CHECK_JOB: ("a check's name", "runs such a check in a swarm, as a job"),
    Action.CREATE_SERVICE: ("STACK_SERVICE", "has Docker create a service of a swarm"),
    Action.UPDATE_SERVICE: ("STACK_SERVICE", "has Docker update a service of a swarm"),
    Action.REMOVE_SERVICE: ("STACK_SERVICE", "removes a service of a swarm; its volumes stay"),
}


TASKS_INTRODUCTION = """
`inv TASK` runs them beside a `tasks.py` that has `ns = collection()`. `composetasks TASK`, which
the wheel brings, runs the same in any folder with a compose file and below it; alone it lists
them, and `composetasks --version` prints the versions of all they stand on.
"""


def tasks_page() -> str:
    """Every task with its flags."""
    parts = [GENERATED, "# Tasks\n", TASKS_INTRODUCTION]
    for program, task in (*(("inv", one) for one in TASKS), *((COMPOSETASKS, one) for one in OWN)):
        name = str(task.name).replace("_", "-")
        parts.append(f"\n## `{program} {name}`\n\n{inspect.getdoc(task.body)}\n")
        parts.append("\n| flag | meaning |\n|---|---|\n")
        for argument in task.get_arguments():
            word = str(argument.name).replace("_", "-")
            flag = f"--{word}"
            takes = "" if argument.kind is bool else " VALUE"
            if argument.kind is bool and argument.default is True:
                flag += f"`, `--no-{word}"
            short = "".join(f"`-{n}`, " for n in argument.names if len(n) == 1)
            parts.append(f"| {short}`{flag}{takes}` | {argument.help or ''} |\n")
    return "".join(parts)


def codes_page() -> str:
    """Every exit code."""
    rows = "".join(f"| {int(code)} | {CODES[code]} |\n" for code in ExitCode)
    return f"{GENERATED}# Exit codes\n\n| code | meaning |\n|---|---|\n{rows}"


def plan_page() -> str:
    """Every action a step can have."""
    rows = "".join(
        f"| `{action.value}` | {ACTIONS[action][0]} | {ACTIONS[action][1]} |\n" for action in Action
    )
    return (
        f"{GENERATED}# Plans\n\n"
        "A plan is what a task will do, in order, and nothing else. `--plan` prints it and changes "
        "nothing; `--plan --json` prints it by [its schema](schemas/plan-1.json).\n\n"
        "Each step has a reason (one sentence), `because` (the evidence as data), `needs` (the "
        "steps before it), `destroys` (what is lost for good) and `consent` (`none`, `yes` for "
        "`--yes`, `force` for `--force`).\n\n"
        f"| action | target | what it does |\n|---|---|---|\n{rows}"
    )


def conflicts_page() -> str:
    """What is in the way of a start and what is left over, by the tables the code decides on."""
    legend = "".join(f"- **{_word(one)}**: {one.value}\n" for one in Treatment)
    return (
        f"{GENERATED}{CONFLICTS_BEFORE}"
        f"## In the way\n\n{_policy(IN_THE_WAY)}\n{CONFLICTS_PORTS}"
        f"## Left over\n\n{_policy(LEFT_OVER)}\n{CONFLICTS_LEFT_OVER}"
        f"## What the words mean\n\n{legend}\n{CONFLICTS_AFTER}"
    )


def _policy(table: Mapping[Origin, Mapping[ContainerState, Treatment]]) -> str:
    head = " | ".join(stage.value for stage in ContainerState)
    rows = "".join(
        f"| {who.value} | {' | '.join(_word(table[who][stage]) for stage in ContainerState)} |\n"
        for who in Origin
    )
    return f"| container | {head} |\n|---|{'---|' * len(ContainerState)}\n{rows}"


def _word(treatment: Treatment) -> str:
    consent = CONSENT.get(treatment)
    words = treatment.name.lower().replace("_with_yes", "").replace("_unless_forced", "")
    return f"{words} (`--{consent.value}`)" if consent and consent.value != "none" else words


CONFLICTS_BEFORE = """# Conflicts

Before anything is built or started, `inv up` finds every container name, host port, address, subnet
and network that the start needs and something else has, what the start needs and is not there, and
every leftover of this project; `inv clean-orphans` finds the same with nothing to start. What is
found is told with who made it, its state and since when, its image, its volumes and its
networks. What is done about it depends on who made it and on how alive it is, by the tables below;
the code decides on the same tables.

A container that is removed leaves its inspect record and its last 200 log lines in the run's
folder (`.composetasks/runs/.../removed/`), and all its volumes, anonymous ones too; they are named.

## Whose a container is

A container is a service's where Compose made it as one: it has `container-number` and `config-hash`
among its `com.docker.compose.` labels, `oneoff=False`, and no `hook`. Images that Compose builds
carry the labels of project and service, and what is made of them inherits those, by `docker run`,
by Swarm or by a tool: without the others it is made by hand, and no task counts, shows or removes
it as a service's. So is a container made of a commit (`docker commit`) of a service's container:
it has all its labels, and the id of the image among them is not its own. Compose itself takes it
for the service's, and removes one of the two when it next starts that service; a plan that does
is refused (exit 9), or removes it where it does not run.

"""
CONFLICTS_PORTS = """A container that has a needed name and a needed port is one step. A name that
moved from one of our services to another is taken by renaming its container, which Compose then
recreates. One of our own services that runs, holds a needed port or sits on a network that has
to be recreated, and is not part of this start, is refused: starting it too resolves that.

**Ports** meet where number and protocol are equal and one's host address is the other's, or is
every address of its family (`0.0.0.0`, `::`; none given means both). A stopped container holds no
port; containers of ours that this start recreates let go of theirs; an ephemeral port is never a
conflict; a range needs as many free ports as there are replicas. A port that a process holds is
refused (exit 9) with its name, pid and user, `--force` or not; whose process it is may not be
visible to you, which is then said. One that is taken while images are built stops the run before a
container is touched.

**Addresses**: a container that has the `ipv4_address` or `ipv6_address` which a service is to have
is treated by the table; a stopped one has none. An address outside of its network's subnets, or
kept for a gateway, is refused (exit 6).

**Subnets**: a network of the engine that overlaps with one that the start makes is refused (exit 9)
with its maker and its users. One of this project that is no longer in the model is removed, and the
containers of this start that are on it are recreated.

**Ours against ours**: two services, or two replicas of one, that want the same name, port or
address, and two networks that overlap, are refused (exit 9) before anything starts.

## Not there

Refused with exit 6, all at once, because Compose or the engine would fail half way: an external
network or volume (with the command that makes it), the folder or device of a local volume
(`driver_opts.device`), the file of a secret or config, a device, a bind mount's source with
`create_host_path: false`. What lies on another machine than this one is left to the engine.

"""
CONFLICTS_LEFT_OVER = """`up` removes no leftover that is in nobody's way; it names them in a line.
Checkouts are compared by the real path of the Compose project's folder. Networks of this project
that no container is on are removed by `clean-orphans` too.

"""
CONFLICTS_AFTER = """## Repaired on the way

- **A recreation that broke off** leaves the new container under a temporary name
  (`249662c60a09_shop-db-1`). Where the old one is gone, the new one gets its name; where the
  new one never ran, it goes; where it runs and the old one does not, it takes the old one's place.
- **A network whose definition changed** is removed by a step of its own and recreated by Compose;
  the containers on it are recreated, and keep their volumes. Somebody else's running container on
  it is refused before anything is stopped; with `--force` it is taken off the network and runs on.
- **A container off its network**, or on one that is gone, is recreated: Compose would start it
  without, or fail.

## Said, and nothing done

- A volume of the model is about to be created empty while there is one of its name that was this
  project's: of the same folder, of a project whose name begins alike, or made by hand.
- A volume was made with other options than the model's: it is used as it is, as by Compose.
- A bind mount's source is not there, and the engine makes a folder where a file is meant, as the
  names on both sides say; or it has done so before.
- A network or volume of the model exists, and this project did not make it.
- The engine has no subnet left: the networks that no container uses, by project, with size and age.
"""


PAGES = {
    "tasks.md": tasks_page,
    "exit-codes.md": codes_page,
    "plan.md": plan_page,
    "conflicts.md": conflicts_page,
}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (FOLDER / page).write_text(text(), "utf-8")
