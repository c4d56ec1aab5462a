"""Writes the pages of docs/reference/ that repeat the code; a test checks that they are current.

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
    ExitCode.FAILED: "an expected failure without a more specific code",
    ExitCode.USAGE: "wrong usage: unknown service, task or flag, invalid value",
    ExitCode.BUG: "a bug in composetasks: one line, and the traceback in the run folder",
    ExitCode.REFUSED: "refused: a step needs consent that was not given; nothing was changed",
    ExitCode.NO_ENGINE: "no usable engine (not installed, not running, no permission, too old)",
    ExitCode.INVALID: (
        "the environment or the Compose model is invalid: a variable, a missing context or mount "
        "source, no active service"
    ),
    ExitCode.BUILD_FAILED: "a build failed",
    ExitCode.NOT_HEALTHY: "not healthy in time, or a container failed while starting",
    ExitCode.CONFLICT: (
        "a conflict that can't be resolved: a port, name or checkout in use by something that "
        "composetasks must not touch, or by two services of this project"
    ),
    ExitCode.CHANGES: "`--plan` with `--exit-code`: there is something to do",
    ExitCode.LOCKED: "another run holds the lock (who, since when)",
    ExitCode.INTERRUPTED: (
        "interrupted: child processes were ended, and every half-applied step was reported"
    ),
    ExitCode.TERMINATED: "terminated: the same",
}

ACTIONS = {
    Action.BUILD_IMAGE: (
        "an image's tag",
        "builds it, because its inputs changed or it is missing",
    ),
    Action.PULL_IMAGE: (
        "an image's tag",
        "pulls it from its registry, or an image of the same inputs from the shared registry",
    ),
    Action.RETAG_IMAGE: (
        "an image's tag",
        "puts it on the image that was built from these inputs before; nothing is built",
    ),
    Action.PUSH_IMAGE: (
        "an image's name in the shared registry",
        "pushes the image there, for users with the same inputs",
    ),
    Action.REMOVE_CONTAINER: (
        "a container's name",
        "stops it if it runs, keeps its record and last log lines, removes it; volumes are kept",
    ),
    Action.RENAME_CONTAINER: ("a container's name", "repairs a name left by a failed recreation"),
    Action.STOP_CONTAINER: ("a container's name", "stops it; a later step starts it again"),
    Action.REMOVE_NETWORK: ("a network's name", "removes a network of this project"),
    Action.REMOVE_IMAGE: ("an image's tag", "removes the tag, and with its last tag the image"),
    Action.END_INSTANCE: (
        "an instance's project",
        "removes everything of an instance whose owner has ended, including its state",
    ),
    Action.SNAPSHOT: ("a snapshot's name", "saves a copy of the state"),
    Action.EMPTY_STATE: ("a volume or folder", "empties it"),
    Action.RESTORE_STATE: ("a volume or folder", "puts a snapshot's content in its place"),
    Action.CREATE_CONTAINER: ("a container's name", "creates it with Compose and starts it"),
    Action.RECREATE_CONTAINER: (
        "a container's name",
        "recreates it with Compose and starts it; its volumes are kept",
    ),
    Action.START_CONTAINER: ("a container's name", "starts it unchanged"),
    Action.RESTART_CONTAINER: (
        "a container's name",
        "if it runs, stops it after its hooks; starts it unchanged, with Compose",
    ),
    Action.RUN_PROVIDER: (
        "a service",
        "has Compose run its provider, once for all dependents that start at the same time",
    ),
    Action.STOP_PROVIDER: ("a service", "has Compose stop what its provider made"),
    Action.WAIT: ("a container's name", "waits until the running container is up"),
    Action.SEND: (
        "a file or folder of this machine",
        "sends its changes to the volume that replaces its bind mounts on another host",
    ),
    Action.FORWARD_PORT: (
        "a service and its port",
        "forwards a port of this machine to it, if the engine is behind ssh",
    ),
    Action.END_FORWARDS: ("the project", "ends the forwarding to this machine"),
    Action.RUN_CHECK: ("a check's name", "runs a check that the settings declare"),
    Action.RUN_CHECK_JOB: ("a check's name", "runs such a check in a swarm, as a job"),
    Action.CREATE_SERVICE: ("STACK_SERVICE", "has Docker create a service of a swarm"),
    Action.UPDATE_SERVICE: ("STACK_SERVICE", "has Docker update a service of a swarm"),
    Action.REMOVE_SERVICE: ("STACK_SERVICE", "removes a service of a swarm; its volumes are kept"),
}


TASKS_INTRODUCTION = """
`inv TASK` runs a task of a `tasks.py` that has `ns = collection()`. `composetasks TASK`, a command
of the wheel, runs the same tasks in any folder with a compose file and below it. Without a task it
lists them; `composetasks --version` prints the versions of composetasks and of everything it uses.
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
        "A plan lists, in order, everything that a task will do. `--plan` prints it and changes "
        "nothing; `--plan --json` prints it as JSON by [its schema](schemas/plan-1.json).\n\n"
        "Each step has a reason (one sentence), `because` (the evidence as data), `needs` (the "
        "steps before it), `destroys` (data that is lost for good) and `consent` (`none`, `yes` "
        "for `--yes`, `force` for `--force`).\n\n"
        f"| action | target | what it does |\n|---|---|---|\n{rows}"
    )


def conflicts_page() -> str:
    """The conflicts and leftovers, by the tables that the code uses for its decisions."""
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

Before `inv up` builds or starts anything, it finds three things: every container name, host port,
address, subnet and network that the start needs and something else holds; everything that the start
needs and that is missing; and every leftover of this project. `inv clean-orphans` finds the same
without a start. Each finding is shown with its maker, its state and since when, its image, its
volumes and its networks. The treatment depends on the maker and the state, as the tables
below show; the code decides by the same tables.

When a container is removed, its inspect record and its last 200 log lines are saved in the run's
folder (`.composetasks/runs/.../removed/`). Its volumes are kept and named, anonymous volumes too.

## Whose a container is

A container belongs to a service if Compose made it for the service: it has `container-number` and
`config-hash` among its `com.docker.compose.` labels, `oneoff=False`, and no `hook`. Images that
Compose builds carry the labels of project and service, and containers made from them by
`docker run`, by Swarm or by another tool inherit these labels. Without the other labels, such a
container counts as made by hand, and no task counts, shows or removes it as a service's. The same
applies to a container made from a commit (`docker commit`) of a service's container: it has all the
labels, but the image id among them is not its own. Compose itself takes it for the service's, and
removes one of the two when it next starts that service. A plan that would make Compose do so
is refused (exit 9) if the container runs; otherwise the plan removes it.

"""
CONFLICTS_PORTS = """A container that holds both a needed name and a needed port takes one step. If
a name moved from one of our services to another, its container is renamed and Compose then
recreates it. If one of our own services runs, is not part of this start, and holds a needed port or
is on a network that has to be recreated, the start is refused: starting that service too resolves
it.

**Ports** conflict if number and protocol are equal and one host address equals the other or is
every address of its family (`0.0.0.0`, `::`; no address means both). A stopped container holds no
port. Containers of ours that this start recreates release their ports. An ephemeral port never
conflicts. A range needs as many free ports as there are replicas. A port that a process holds is
refused (exit 9) with the process's name, pid and user, even with `--force`; if you lack the
permission to see the process, the message says so. A port that is taken while images are built
stops the run before a container is touched.

**Addresses**: a container that has the `ipv4_address` or `ipv6_address` of a service
is treated by the table; a stopped container has no address. An address outside its network's
subnets, or reserved for a gateway, is refused (exit 6).

**Subnets**: a network of the engine that overlaps with one that the start creates is refused (exit
9) with its maker and its users. If it is a network of this project that is no longer in the model,
it is removed, and the containers of this start that are on it are recreated.

**Ours against ours**: two services, or two replicas of one service, that need the same name, port
or address, and two networks that overlap, are refused (exit 9) before anything starts. A job that
others wait for is no conflict: it frees its port and address when it completes.

## Not there

Missing things are refused with exit code 6, all at once, because Compose or the engine would fail
halfway: an external network or volume (with the command that creates it), the folder or device of a
local volume (`driver_opts.device`), the file of a secret or config, a device, a bind mount's source
with `create_host_path: false`. For sources on another machine the check is left to the engine.

"""
CONFLICTS_LEFT_OVER = """`up` does not remove a leftover that blocks nothing; it names such
leftovers on one line, and does not mention a one-off that is still running. Checkouts are
compared by the real path of the Compose project's folder.
`clean-orphans` also removes networks of this project that no container is on.

"""
CONFLICTS_AFTER = """## Repaired on the way

- **An interrupted recreation** leaves the new container under a temporary name
  (`249662c60a09_shop-db-1`). If the old container is gone, the new one gets its name. If the new
  one never ran, it is removed. If the new one runs and the old one does not, the new one replaces
  the old one.
- **A network whose definition changed** is removed by a separate step and recreated by Compose;
  the containers on it are recreated, and keep their volumes. A running container of somebody else
  on that network is refused before anything is stopped; with `--force` it is disconnected from the
  network and keeps running.
- **A container that is disconnected from its network**, or whose network is gone, is recreated:
  Compose would start it without the network, or fail.

## Reported, and nothing done

- A volume of the model is about to be created empty, although a volume with the same short name
  belonged to this project: it is from the same folder, from a project with a similar name, or made
  by hand.
- A volume was created with options other than the model's: it is used unchanged, as by Compose.
- A bind mount's source does not exist, and the engine would make a folder although the names on
  both sides suggest a file; or the engine has done so before.
- A network or volume of the model exists, and this project did not create it.
- The engine has no subnet left: the unused networks are listed by project, with size and age.
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
