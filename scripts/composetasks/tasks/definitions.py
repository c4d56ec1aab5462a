"""The tasks: the arguments of each, and the verb it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from composetasks.facts import ExitCode
from composetasks.run.settings import jobs as number_of_jobs
from composetasks.tasks import adapter, chain
from composetasks.tasks.verb_task import number, one_name, verb_task

if TYPE_CHECKING:
    from composetasks.verbs.session import Session

adapter.install(chain.refuse_wrong_words)

SERVICE = "a service (repeatable; the flag may be left out)"
JOBS = "how many images are built at once (default: cores + 1, if memory allows)"


@verb_task(
    changing=True,
    stream=True,
    help={
        "service": SERVICE,
        "build": "build changed images first (default)",
        "wait": "wait until every service is up (default)",
        "timeout": "how many seconds each service may take to come up",
        "jobs": JOBS,
        "pull": "look for newer images in the registry",
        "rerun": "a completed job to run again (repeatable)",
    },
)
def up(
    session: Session,
    service: tuple[str, ...] = (),
    build: bool = True,
    wait: bool = True,
    timeout: str = "",
    jobs: str = "",
    pull: bool = False,
    rerun: tuple[str, ...] = (),
) -> ExitCode:
    """Build changed images, start the stack, and wait until every service is up."""
    from composetasks.verbs.up import up as verb

    return verb(
        session,
        service,
        build=build,
        wait=wait,
        timeout=number("timeout", timeout),
        jobs=number_of_jobs(jobs, "--jobs"),
        pull=pull,
        rerun=rerun,
    )


@verb_task(
    changing=True,
    stream=True,
    help={"service": SERVICE, "timeout": "how many seconds each service may take to come up"},
)
def restart(session: Session, service: tuple[str, ...] = (), timeout: str = "") -> ExitCode:
    """Stop containers, start them again unchanged, and wait until they are up."""
    from composetasks.verbs.restart import restart as verb

    return verb(session, service, timeout=number("timeout", timeout))


@verb_task(
    changing=True,
    stream=True,
    help={"service": SERVICE, "timeout": "how many seconds each service may take to come up"},
)
def watch(session: Session, service: tuple[str, ...] = (), timeout: str = "") -> ExitCode:
    """Start the stack, then apply each edit to it, by develop.watch or the build inputs."""
    from composetasks.verbs.watch import watch as verb

    return verb(session, service, timeout=number("timeout", timeout))


@verb_task(changing=True, stream=True)
def down(session: Session) -> ExitCode:
    """Stop and remove this project's containers and networks; state is kept."""
    from composetasks.verbs.down import down as verb

    return verb(session)


@verb_task(
    help={
        "service": "the service (the flag may be left out)",
        "command": "the command (the flag may be left out; the command may have flags)",
        "user": "the user to run as: a name or number, and :GROUP",
        "workdir": "the folder in the container to run in",
        "env": "a variable: NAME=VALUE, or NAME to pass this environment's value (repeatable)",
        "index": "the number of the container, if the service has several",
        "no_tty": "run without a terminal (default if stdin or stdout is not a terminal)",
    },
)
def exec_(
    session: Session,
    service: tuple[str, ...] = (),
    command: tuple[str, ...] = (),
    user: str = "",
    workdir: str = "",
    env: tuple[str, ...] = (),
    index: str = "",
    no_tty: bool = False,
) -> int:
    """Run a command in a service's running container, and exit with the command's exit code."""
    from composetasks.verbs.exec import ExecOptions, execute

    if not service:  # `inv exec -- SERVICE COMMAND...`
        service, command = command[:1], command[1:]
    options = ExecOptions(user, workdir, env, index, no_tty)
    return execute(session, one_name(service, "status"), command, options)


@verb_task(
    changing=True,
    stream=True,
    help={
        "service": SERVICE,
        "no_cache": "run every step of the Dockerfiles again",
        "pull": "look for newer base images in the registry",
        "jobs": JOBS,
        "push": "push images that the registry in stack.registry lacks",
    },
)
def build(
    session: Session,
    service: tuple[str, ...] = (),
    no_cache: bool = False,
    pull: bool = False,
    jobs: str = "",
    push: bool = False,
) -> ExitCode:
    """Build the images whose inputs changed, and say which file changed them."""
    from composetasks.verbs.build import build as verb

    return verb(
        session,
        service,
        no_cache=no_cache,
        pull=pull,
        jobs=number_of_jobs(jobs, "--jobs"),
        push=push,
    )


@verb_task(
    changing=True,
    stream=True,
    optional=("rollback",),
    help={
        "service": SERVICE,
        "timeout": "how many seconds each service may take to come up",
        "verify": "run the stack's own checks when it is up (default)",
        "rollback": "roll back to this revision (default: the one before the last)",
        "remove": "remove the stack from the swarm; its volumes are kept",
    },
)
def deploy(
    session: Session,
    service: tuple[str, ...] = (),
    timeout: str = "",
    verify: bool = True,
    rollback: str = "",
    remove: bool = False,
) -> ExitCode:
    """Deploy the stack on Docker Swarm, wait until it is up, check it, or roll it back."""
    from composetasks.verbs.deploy import deploy as verb

    return verb(
        session,
        service,
        timeout=number("timeout", timeout),
        verify=verify,
        rollback=rollback,
        remove=remove,
    )


@verb_task(changing=True, stream=True)
def clean_orphans(session: Session) -> ExitCode:
    """Remove conflicts that block a start, and leftovers of this project."""
    from composetasks.verbs.clean_orphans import clean_orphans as verb

    return verb(session)


@verb_task(
    stream="watch", help={"watch": "show the page again after every event, until interrupted"}
)
def status(session: Session, watch: bool = False) -> ExitCode:
    """Show services: health, stale images and code, memory and processor, ports and URLs."""
    from composetasks.verbs.status import status as verb

    return verb(session, watch=watch)


@verb_task(help={"service": "the service, if several have a URL (the flag may be left out)"})
def open_(session: Session, service: tuple[str, ...] = ()) -> ExitCode:
    """Print a service's URL and open it in the browser."""
    from composetasks.verbs.open import open_in_browser

    return open_in_browser(session, one_name(service, "status"))


@verb_task(
    help={
        "service": SERVICE,
        "svg": "write a picture to this file",
        "mermaid": "print Mermaid; without --svg it is printed anyway",
    }
)
def graph(
    session: Session, service: tuple[str, ...] = (), svg: str = "", mermaid: bool = False
) -> ExitCode:
    """Show the services' dependencies, health and ports as Mermaid or as a picture."""
    from composetasks.verbs.graph import graph as verb

    return verb(session, service, svg, as_mermaid=mermaid)


@verb_task(help={"svg": "also write a picture to this file"})
def timeline(session: Session, svg: str = "") -> ExitCode:
    """Show the last start as a waterfall, its critical path, and what would shorten it."""
    from composetasks.verbs.timeline import timeline as verb

    return verb(session, svg)


@verb_task(help={"check": "show only problems, and exit with code 6 if one is fatal"})
def env(session: Session, check: bool = False) -> ExitCode:
    """Show every variable: its value, its source, what it overrides, what uses it."""
    from composetasks.verbs.env import env as verb

    return verb(session, check=check)


@verb_task(
    help={
        "service": SERVICE,
        "edit": "predict what an edit of this file would rebuild",
        "validate": "make each edit on a copy of the project, build it, and compare",
        "svg": "write a picture of the layers to this file",
    },
)
def layers(
    session: Session,
    service: tuple[str, ...] = (),
    edit: str = "",
    validate: bool = False,
    svg: str = "",
) -> ExitCode:
    """Show the cost of each image layer, what an edit would rebuild, and advice."""
    from composetasks.verbs.layers import layers as verb

    return verb(session, service, edit=edit, validate=validate, svg=svg)


@verb_task()
def doctor(session: Session) -> ExitCode:
    """Check what the stack depends on: engine, network, disk, model, .env and more."""
    from composetasks.verbs.doctor import doctor as verb

    return verb(session)


@verb_task(changing=True, stream=True)
def verify(session: Session) -> ExitCode:
    """Run the stack's own end-to-end checks."""
    from composetasks.verbs.verify import verify as verb

    return verb(session)


@verb_task(
    stream=True,
    help={
        "service": SERVICE,
        "follow": "keep showing new lines, across restarts and recreation",
        "since": "lines from this time on: 10m, 2026-01-31T12:00:00Z, or Unix seconds",
        "until": "lines up to this time, in the same formats",
        "timestamps": "show the engine's time before each line",
        "tail": "how many of the last lines of each container to show, or all",
        "grep": "only lines that match this regular expression",
        "exclude": "no lines that match this regular expression",
        "raw": "show the values of secrets, which are masked by default",
    },
)
def logs(
    session: Session,
    service: tuple[str, ...] = (),
    follow: bool = False,
    timestamps: bool = False,
    tail: str = "",
    since: str = "",
    until: str = "",
    grep: str = "",
    exclude: str = "",
    raw: bool = False,
) -> ExitCode:
    """Show the services' logs, merged by time."""
    from composetasks.verbs.logs import LogOptions
    from composetasks.verbs.logs import logs as verb

    options = LogOptions(
        follow=follow,
        since=since,
        until=until,
        tail=tail,
        grep=grep,
        exclude=exclude,
        timestamps=timestamps,
        raw=raw,
    )
    return verb(session, service, options)


STATE = "a piece of state, or a group (repeatable; the flag may be left out)"


@verb_task(
    changing=True,
    stream=True,
    help={
        "name": STATE,
        "snapshot": "take a snapshot first (default)",
        "keep": "state to leave unchanged (repeatable)",
    },
)
def reset_state(
    session: Session,
    name: tuple[str, ...] = (),
    snapshot: bool = True,
    keep: tuple[str, ...] = (),
) -> ExitCode:
    """Empty the stack's state, or the named parts of it, after taking a snapshot."""
    from composetasks.verbs.reset_state import reset_state as verb

    return verb(session, name, snapshot=snapshot, keep=keep)


@verb_task(
    changing=True,
    stream=True,
    help={
        "name": "the snapshot's name (the flag may be left out)",
        "live": "pause services instead of stopping them, if stack.services.NAME.live says how",
    },
)
def snapshot(session: Session, name: tuple[str, ...] = (), live: bool = False) -> ExitCode:
    """Save the stack's state under a name."""
    from composetasks.verbs.snapshot import snapshot as verb

    return verb(session, one_name(name, "snapshots"), live=live)


@verb_task()
def snapshots(session: Session) -> ExitCode:
    """List the snapshots."""
    from composetasks.verbs.snapshots import snapshots as verb

    return verb(session)


@verb_task(
    changing=True,
    stream=True,
    help={
        "name": "the snapshot's name (the flag may be left out)",
        "snapshot": "first take a snapshot of the state that is replaced (default)",
    },
)
def restore(session: Session, name: tuple[str, ...] = (), snapshot: bool = True) -> ExitCode:
    """Restore the state that a snapshot holds."""
    from composetasks.verbs.restore import restore as verb

    return verb(session, one_name(name, "snapshots"), snapshot=snapshot)
