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

SERVICE = "a service (repeatable; bare words do the same)"
JOBS = "how many images are built at once (one more than there are cores, if memory allows)"


@verb_task(
    changing=True,
    stream=True,
    help={
        "service": SERVICE,
        "build": "build changed images first, which is the default",
        "wait": "wait until everything works, which is the default",
        "timeout": "seconds each service may take until it is up",
        "jobs": JOBS,
        "pull": "look for newer images in the registry",
        "rerun": "a finished job to run again (repeatable)",
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
    """Start the stack, build what changed, and wait until everything works."""
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
    help={"service": SERVICE, "timeout": "seconds each service may take until it is up"},
)
def restart(session: Session, service: tuple[str, ...] = (), timeout: str = "") -> ExitCode:
    """Stop containers and start them again as they are, and wait until they work."""
    from composetasks.verbs.restart import restart as verb

    return verb(session, service, timeout=number("timeout", timeout))


@verb_task(
    changing=True,
    stream=True,
    help={"service": SERVICE, "timeout": "seconds each service may take until it is up"},
)
def watch(session: Session, service: tuple[str, ...] = (), timeout: str = "") -> ExitCode:
    """Start the stack, then bring each edit into it: develop.watch, or what images are made of."""
    from composetasks.verbs.watch import watch as verb

    return verb(session, service, timeout=number("timeout", timeout))


@verb_task(changing=True, stream=True)
def down(session: Session) -> ExitCode:
    """Stop and remove this project's containers and networks; state stays."""
    from composetasks.verbs.down import down as verb

    return verb(session)


@verb_task(
    help={
        "service": "the service (the first word does the same)",
        "command": "the command (the words after the service do the same, flags included)",
        "user": "the user it runs as: a name or number, and :GROUP",
        "workdir": "the folder in the container it runs in",
        "env": "NAME=VALUE for it, or a NAME whose value is taken from here (repeatable)",
        "index": "the number of the container, where the service has several",
        "no_tty": "no terminal for it, which is so wherever stdin or stdout is none",
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
    """Run a command in a service's running container; its exit code is the task's."""
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
        "push": "push the images to the registry of stack.registry, where it lacks them",
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
        "timeout": "seconds each service may take until it is up",
        "verify": "run the stack's own checks when it is up, which is the default",
        "rollback": "go back to this revision, or to the one before the last",
        "remove": "remove the stack from the swarm; its volumes stay",
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
    """Bring the stack on Docker Swarm to what the model says, wait, check, or roll it back."""
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
    """Remove what stands in the way of a start, and leftovers of ours."""
    from composetasks.verbs.clean_orphans import clean_orphans as verb

    return verb(session)


@verb_task(stream="watch", help={"watch": "again after every event, until interrupted"})
def status(session: Session, watch: bool = False) -> ExitCode:
    """Show services, health, freshness of image and code, what they take, ports and URLs."""
    from composetasks.verbs.status import status as verb

    return verb(session, watch=watch)


@verb_task(help={"service": "the service, where several have a URL (a bare word does the same)"})
def open_(session: Session, service: tuple[str, ...] = ()) -> ExitCode:
    """Open a service's URL in the browser, and print it."""
    from composetasks.verbs.open import open_in_browser

    return open_in_browser(session, one_name(service, "status"))


@verb_task(help={"service": SERVICE})
def graph(session: Session, service: tuple[str, ...] = ()) -> ExitCode:
    """Show who depends on whom, with health and ports, as Mermaid."""
    from composetasks.verbs.graph import graph as verb

    return verb(session, service)


@verb_task(help={"svg": "draw it into this file as well"})
def timeline(session: Session, svg: str = "") -> ExitCode:
    """Show the last start as a waterfall, its critical path, and what would shorten it."""
    from composetasks.verbs.timeline import timeline as verb

    return verb(session, svg)


@verb_task(help={"check": "show only what is wrong, and end with 6 where it is fatal"})
def env(session: Session, check: bool = False) -> ExitCode:
    """Show every variable: its value, where it is from, what it overrides, who uses it."""
    from composetasks.verbs.env import env as verb

    return verb(session, check=check)


@verb_task(
    help={
        "service": SERVICE,
        "edit": "what an edit of this file would build again",
        "validate": "make each edit on a copy of the project, build, and compare",
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
    """Show what each layer of the images costs, what an edit would build again, and advice."""
    from composetasks.verbs.layers import layers as verb

    return verb(session, service, edit=edit, validate=validate, svg=svg)


@verb_task()
def doctor(session: Session) -> ExitCode:
    """Check all that the stack stands on: engine, network, disk, model, .env and more."""
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
        "follow": "go on as lines are written, across restarts and recreation",
        "since": "from then on: 10m, 2026-01-31T12:00:00Z, or Unix seconds",
        "until": "up to then, written the same way",
        "timestamps": "the engine's time before each line",
        "tail": "how many of the last lines of each container, or all",
        "grep": "only lines that match this regular expression",
        "exclude": "no lines that match this regular expression",
        "raw": "leave the values of secrets in the lines, which are masked otherwise",
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
    """Show what the services wrote, merged by time."""
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


STATE = "a piece of state, or a group (repeatable; bare words do the same)"


@verb_task(
    changing=True,
    stream=True,
    help={
        "name": STATE,
        "snapshot": "take a snapshot first, which is the default",
        "keep": "state to leave alone (repeatable)",
    },
)
def reset_state(
    session: Session,
    name: tuple[str, ...] = (),
    snapshot: bool = True,
    keep: tuple[str, ...] = (),
) -> ExitCode:
    """Empty the stack's state, or the named parts of it, after a snapshot."""
    from composetasks.verbs.reset_state import reset_state as verb

    return verb(session, name, snapshot=snapshot, keep=keep)


@verb_task(
    changing=True,
    stream=True,
    help={
        "name": "what to call it",
        "live": "pause instead of stopping, where stack.services.NAME.live says how",
    },
)
def snapshot(session: Session, name: tuple[str, ...] = (), live: bool = False) -> ExitCode:
    """Keep the stack's state under a name."""
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
        "name": "the snapshot",
        "snapshot": "take a snapshot of what is replaced first, which is the default",
    },
)
def restore(session: Session, name: tuple[str, ...] = (), snapshot: bool = True) -> ExitCode:
    """Put back the state that a snapshot holds."""
    from composetasks.verbs.restore import restore as verb

    return verb(session, one_name(name, "snapshots"), snapshot=snapshot)
