"""The diagnosis of a container that is not up: its name and sentences, made from the inspect
record, the log and messages of the engine. Pure; docs/reference/failure-page.md lists the names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from shlex import quote
from typing import Any

from composetasks.facts import NO_SUBNET
from composetasks.facts.frozen import frozen
from composetasks.facts.paths import within
from composetasks.facts.program import task
from composetasks.plan.start.error_line import error_line, without_script
from composetasks.plan.start.readiness import Expected, Readiness, fresh_probes, signal_of

TYPED = 40
"""A health check of at most this many characters is shown as a command to type."""


@frozen
class Cause:
    """A diagnosis: its name, sentences that say what happened, and what to try next."""

    kind: str
    words: tuple[str, ...]
    hint: str


@frozen
class Case:
    """A service that is not up, and the facts that its diagnosis is made from.

    ``containers`` are those of the start, by service: id to name. ``key`` is the id of the
    diagnosed one, "" for none. ``printed`` is what the engine or Compose printed about it.
    ``since`` is when the start began (Unix seconds), ``limit`` the deadline in seconds, ``was_up``
    how many seconds the service had been up (None: never). ``of`` is what was expected of it.
    ``waiting`` are the services that wait only for it, ``other_states`` the states of the others.

    From the engine: ``record`` is the inspect record (empty without a container), ``lines`` its
    last log lines, ``asked_to_end`` whether the engine was asked to kill it (None: unknown).
    """

    service: str
    verdict: Readiness
    containers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key: str = ""
    printed: str = ""
    since: float = 0.0
    limit: float = 0.0
    was_up: float | None = None
    of: Expected = field(default_factory=Expected)
    waiting: Sequence[str] = ()
    other_states: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    asked_to_end: bool | None = None

    @property
    def container(self) -> str:
        """The name of the diagnosed container, "" if there is none."""
        return self.containers.get(self.service, {}).get(self.key, "")

    @property
    def state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self.record.get("State") or {}
        return state

    @property
    def host(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.record.get("HostConfig") or {}
        return config


def cause(case: Case) -> Cause:
    """The diagnosis of a service that is not up."""
    kind = case.verdict.kind
    if kind == "removed":
        words = "its container was removed by someone else during the start"
        return Cause(kind, (words,), f"run {task('up')} again, which creates it")
    if kind == "engine-gone":
        hint = f"make sure that the engine is running (`docker info`), then run {task('up')} again"
        return Cause(kind, (case.verdict.message,), hint)
    if kind == "never-started":
        hint = f"correct `depends_on` of {case.service}, then run {task('up')} again"
        return Cause(kind, (case.verdict.message,), hint)
    if kind == "no-health-check":
        hint = (
            f"add `healthcheck` to {case.service}, or correct stack.services.{case.service}.ready"
        )
        return Cause(kind, (case.verdict.message,), hint)
    if kind == "start-failed":
        return _not_started(case, case.printed or str(case.state.get("Error", "")))
    if kind == "timeout":
        return _too_late(case)
    if kind == "restart-loop":
        return _loop(case)
    return _ended(case)


# --- not started ----------------------------------------------------------------------------

_SOURCE = re.compile(r'error mounting "([^"]+)" to rootfs at "([^"]+)"')


def _not_started(case: Case, error: str) -> Cause:
    """The engine could not start the process; ``error`` says why, often in nested messages."""
    shell = (
        f"`docker compose run --rm --no-deps --entrypoint sh {case.service}` opens a "
        "shell in the image"
    )
    program = re.search(r'exec: "([^"]+)": (.+)', error)
    short = _innermost(error)
    if program and "permission denied" not in program[2]:
        words = f'its command "{program[1]}" was not found in the image'
        return Cause("command-not-found", (words,), f"correct `command`; {shell}")
    if program:
        words = f'its command "{program[1]}" is not executable (no x bit, or a folder)'
        return Cause("command-not-executable", (words,), f"make it executable; {shell}")
    if "port is already allocated" in error or "address already in use" in error:
        return Cause(
            "port-taken",
            (short,),
            f"{task('status')} in this project and in others shows which one has the port",
        )
    if "address pool" in error:
        return Cause(NO_SUBNET, (short,), f"free a network, then run {task('up')} again")
    if "hook exited with status" in error:
        again = "restart" if case.state.get("Running") else "up"
        hint = f"correct its hook, then {task(f'{again} {case.service}')} runs it again"
        return Cause("hook-failed", (short,), hint)
    way = _prerequisite(case, error)
    if way:
        return Cause("prerequisite-missing", (short,), way)
    if "mount" in error:
        return _mount(case, error, short)
    if "No such image" in error or "pull access denied" in error:
        return Cause("image-missing", (short,), task(f"build {case.service}"))
    return Cause("start-failed", (short,), f"correct what it names, then run {task('up')} again")


def _prerequisite(case: Case, error: str) -> str:
    """What to do if this machine lacks what the model requires; "" for any other error."""
    unset = re.search(r'environment variable "([^"]+)" required by', error)
    if unset:
        return f"give {unset[1]} a value, in .env or the environment, then {task('up')} again"
    devices = re.search(r"could not select device driver .*capabilities: \[\[(.+)\]\]", error)
    if devices:
        return (
            f"install the driver of {devices[1]} devices on the engine's host (for NVIDIA, the "
            f"NVIDIA Container Toolkit), or remove `gpus` or `devices` from {case.service}"
        )
    plugin = re.search(r"requires (Docker \w+) plugin", error)
    if plugin:
        return f"install the {plugin[1]} plugin, or remove what needs it from {case.service}"
    return ""


def _mount(case: Case, error: str, short: str) -> Cause:
    match = _SOURCE.search(error)
    missing = re.search(r"source path does not exist: (\S+)", error)
    hint = f"correct `volumes` of {case.service}, then run {task('up')} again"
    if missing:
        words = f"its mount needs {missing[1]}, which does not exist"
        return Cause(
            "mount-missing",
            (words,),
            f"`mkdir -p {quote(missing[1])}`, then {task('up')} again",
        )
    if match and "not a directory" in error:
        words = f"{match[1]} can't be mounted at {match[2]}: one is a file, the other a folder"
        return Cause("mount-not-permitted", (words,), hint)
    if match:
        why = error[match.end() :].rpartition(": ")[2] or "not permitted"
        inside = re.search(r"cannot be mounted because (.+)", error)
        why = inside[0] if inside else why
        words = f"{match[1]} can't be mounted at {match[2]}: {why}"
        return Cause("mount-not-permitted", (words,), hint)
    if "no such file" in error:
        return Cause("mount-missing", (short,), hint)
    return Cause("mount-not-permitted", (short,), hint)


_WRAPPING = (
    "Error response from daemon: ",
    "failed to create task for container: ",
    "failed to create shim task: ",
    "OCI runtime create failed: ",
    "runc create failed: ",
    "unable to start container process: ",
    "error during container init: ",
    "error while creating mount source path ",
)


def _innermost(error: str) -> str:
    """The engine's message without the prefixes of the programs that passed it on."""
    for part in _WRAPPING:
        error = error.replace(part, "")
    return re.sub(r"\((?:[0-9a-f]{64})\)", "", error).strip()


# --- too late -------------------------------------------------------------------------------


def _too_late(case: Case) -> Cause:
    probes = fresh_probes(case.state)
    in_time = f"within {case.limit:g} s"
    if case.state.get("Health") and case.state.get("Running"):
        return _health(case, probes, in_time)
    if case.verdict.listens:
        words = f"running, but did not listen on {case.of.named_ports} {in_time}"
        return Cause("port-refused", (words,), _look(case))
    if case.state.get("Restarting"):
        return _loop(case)
    if case.of.awaited and case.state.get("Running"):
        words = f"should exit with code 0, but was still running after {case.limit:g} s"
        return Cause("job-too-long", (words,), _longer(case))
    if case.state.get("Paused"):
        return Cause(
            "paused",
            (f"still paused after {case.limit:g} s",),
            f"`docker unpause {case.container}`",
        )
    return Cause("too-late", (f"not up {in_time}: {case.verdict.message}",), _longer(case))


def _health(case: Case, probes: Sequence[Mapping[str, Any]], in_time: str) -> Cause:
    check = health_command(case.record)
    by_hand = f"run its health check by hand: `docker exec {case.container} {check}`"
    if len(check) > TYPED:
        by_hand = (
            f"try its health check inside the container: `docker exec -it {case.container} sh`"
        )
    if not probes:
        words = f"its health check did not run once {in_time}: the first probe comes later"
        hint = (
            "give the health check `start_period` and `start_interval: 500ms`, or raise `--timeout`"
        )
        return Cause("never-probed", (words,), hint)
    last = str(probes[-1].get("Output", ""))
    if last.startswith("Health check exceeded timeout"):
        words = f"its health check hangs: no result within its own timeout ({_inside(last)})"
        return Cause("health-check-hangs", (words, f"not healthy {in_time}"), by_hand)
    code = int(probes[-1].get("ExitCode", 0))
    if code in (126, 127) or "executable file not found" in last:
        program = re.search(r'exec: "([^"]+)"', last) or re.search(r"([\w./-]+): not found", last)
        what = f' "{program[1]}"' if program else ""
        words = f"its health check needs a program{what} that the image does not have"
        return Cause(
            "health-check-broken", (words,), "add it to the image, or use another health check"
        )
    count = f"the last {len(probes)} probes" if len(probes) > 1 else "the only probe"
    words = f"its health check did not pass {in_time}; {count} exited with code {code}"
    if code == 0:
        words = f"its health check passed, but the container was not healthy {in_time}"
    return Cause("never-healthy", (words,), by_hand)


def _inside(text: str) -> str:
    return text.partition("(")[2].partition(")")[0]


def health_command(record: Mapping[str, Any]) -> str:
    """A container's health check as a command that one can type."""
    test = list(((record.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ())
    if test[:1] == ["CMD-SHELL"]:
        quoted = " ".join(test[1:]).replace("'", "'\\''")
        return f"sh -c '{quoted}'"
    return " ".join(test[1:])


# --- ended ----------------------------------------------------------------------------------


def _ended(case: Case) -> Cause:
    code = int(case.state.get("ExitCode", 0))
    after = f" after being up for {case.was_up:.1f} s" if case.was_up is not None else ""
    denied = _denied(case)
    if case.state.get("OOMKilled"):
        return _out_of_memory(case, f"OOM-killed: it reached {_limit(case)}{after}")
    if denied:
        return denied
    if code in (126, 127):
        word = "can't be executed" if code == 126 else "was not found"
        kind = "command-not-executable" if code == 126 else "command-not-found"
        return Cause(kind, (f"a command {word}{after}: exited with code {code}",), _look(case))
    signal = signal_of(code)
    if signal:
        return _killed(case, f"killed by {signal} (exit code {code}){after}")
    if case.was_up is not None:
        return Cause(
            "died",
            (f"exited with code {code}{after}, while the start waited for others",),
            _look(case),
        )
    if code == 0:
        words = "exited with code 0, but should stay up"
        also = "its command finished or went to the background, and the container ends with it"
        return Cause("ended-early", (words, also), _look(case))
    if case.of.awaited:
        words = f"exited with code {code}, but others wait for it to exit with code 0"
        return Cause("job-failed", (words,), _look(case))
    return Cause("ended", (f"exited with code {code}",), _look(case))


def _killed(case: Case, words: str) -> Cause:
    """A signal ended the container. An engine on cgroup v1 does not always learn that the kernel
    killed a process for its memory use, but it knows which kills it was asked for."""
    if signal_of(int(case.state.get("ExitCode", 0))) != "SIGKILL":
        return Cause("killed", (words,), _look(case))
    if case.asked_to_end:
        sender = "someone asked the engine to kill it, as `docker kill` and `docker stop` do"
        return Cause("killed", (words, sender), _look(case))
    if case.asked_to_end is False and case.host.get("Memory"):
        sender = f"the engine was not asked to kill it: most likely it reached {_limit(case)}"
        return _out_of_memory(case, words, sender)
    sender = (
        "the sender is unknown: someone by hand, or the kernel because the host is short of memory"
    )
    return Cause("killed", (words, sender), _look(case))


def _out_of_memory(case: Case, *words: str) -> Cause:
    return Cause("out-of-memory", words, f"raise `mem_limit` of {case.service}; {_logs(case)}")


def _limit(case: Case) -> str:
    limit = int(case.host.get("Memory") or 0)
    return f"its memory limit of {limit / 1_048_576:.0f} MiB" if limit else "its memory limit"


def _loop(case: Case) -> Cause:
    code = int(case.state.get("ExitCode", 0))
    last = "was OOM-killed" if case.state.get("OOMKilled") else f"exited with code {code}"
    times = f"{int(case.record.get('RestartCount', 0))} times"
    words = f"restarted {times} without staying up"
    signal = signal_of(code)
    # While the container runs again, the engine no longer knows how the previous run ended.
    also = (
        ()
        if case.state.get("Running") and not case.state.get("Restarting")
        else (f"the last run {last}{f' ({signal})' if signal else ''}",)
    )
    return Cause("restart-loop", (words, *also), _look(case))


_REFUSED = re.compile(
    r"permission denied|EACCES|operation not permitted|read-only file system", re.I
)
_PATH = re.compile(r"(/[\w.@+-]+)+/?")


def _denied(case: Case) -> Cause | None:
    """The diagnosis of a program that was denied a path in a mount, as only its log shows."""
    at = error_line(case.lines)
    near = [case.lines[at]] if at is not None else []
    for line in [*near, *reversed(case.lines)]:
        if not _REFUSED.search(line):
            continue
        for path in (found[0].rstrip("/") for found in _PATH.finditer(without_script(line))):
            for mount in case.record.get("Mounts") or ():
                target = str(mount.get("Destination", "")).rstrip("/")
                if target and within(path, target):
                    return _denied_mount(case, path, mount)
    return None


def _denied_mount(case: Case, path: str, mount: Mapping[str, Any]) -> Cause:
    user = (case.record.get("Config") or {}).get("User") or "root"
    source = mount.get("Name") or mount.get("Source")
    how = "" if mount.get("RW", True) else ", mounted read-only"
    words = f"user {user} is denied access to {path}, in the mount of {source}{how}"
    ended = f"exited with code {case.state.get('ExitCode')}"
    target = mount.get("Destination")
    owner = f"`docker compose run --rm --no-deps --entrypoint ls {case.service} -land {target}`"
    return Cause("mount-not-permitted", (words, ended), f"{owner} shows its owner and mode")


# --- next -----------------------------------------------------------------------------------


def _look(case: Case) -> str:
    return f"{_logs(case)}; correct the cause and run {task('up')} again"


def _logs(case: Case) -> str:
    return f"{task(f'logs {case.service}')} shows its whole log"


def _longer(case: Case) -> str:
    longer = max(60, round(case.limit * 2))
    up, logs = task(f"up --timeout {longer}"), task(f"logs {case.service}")
    return f"{up} if it only needs more time; {logs} shows its log"
