"""Swarms of engines of the tests' own."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine.registry import program
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine


@dataclass(frozen=True)
class Manager:
    """The engine at ``address``, as the docker client sees it."""

    address: str

    def docker(self, *arguments: str, check: bool = True) -> str:
        argv = ["docker", "--host", self.address, *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def versions(self, stack: str) -> dict[str, int]:
        """How often each service's record was written: it moves with every update."""
        return {name: one["Version"]["Index"] for name, one in self._services(stack).items()}

    def specs(self, stack: str) -> dict[str, Any]:
        """What each service is to be."""
        return {name: one["Spec"] for name, one in self._services(stack).items()}

    def _services(self, stack: str) -> dict[str, Any]:
        label = f"label=com.docker.stack.namespace={stack}"
        listed = self.docker("service", "ls", "-q", "--filter", label).split()
        records = json.loads(self.docker("service", "inspect", *listed)) if listed else []
        return {one["Spec"]["Name"].removeprefix(f"{stack}_"): one for one in records}


SUBNET = "10.98.0"
USER, PASSWORD = "ann", "open-sesame-7"
ACCOUNTS = f"{USER}:$2b$05$abcdefghijklmnopqrstuuYhafDARXY0KToV89BBvM5ig95pRHC2G\n"
SETTINGS = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: tests, path: {folder}/accounts}}}}
"""


@contextlib.contextmanager
def nodes(count: int) -> Iterator[list[OwnEngine]]:
    """Engines on hosts of their own, with one network between them: ``10.98.0.1`` and so on."""
    options = ("--insecure-registry", f"{SUBNET}.0/24")
    with contextlib.ExitStack() as held:
        made = [
            held.enter_context(OwnEngine(name=f"node-{number}", options=options))
            for number in range(1, count + 1)
        ]
        first, *others = made
        _run(first, "ip", "link", "add", "between", "type", "bridge")
        _run(first, "ip", "addr", "add", f"{SUBNET}.1/24", "dev", "between")
        _run(first, "ip", "link", "set", "between", "up")
        # The engine lets nothing pass that is not its own.
        _run(first, "iptables", "-I", "FORWARD", "-i", "between", "-j", "ACCEPT")
        for number, engine in enumerate(others, 2):
            pair = ("type", "veth", "peer", "name", "uplink", "netns", str(engine.namespaces))
            _run(first, "ip", "link", "add", f"to-{number}", *pair)
            _run(first, "ip", "link", "set", f"to-{number}", "master", "between", "up")
            _run(engine, "ip", "addr", "add", f"{SUBNET}.{number}/24", "dev", "uplink")
            _run(engine, "ip", "link", "set", "uplink", "up")
        yield made


def _run(engine: OwnEngine, *argv: str) -> None:
    subprocess.run(engine.inside(*argv), check=True, capture_output=True, timeout=30)


def swarm_of(engines: list[OwnEngine]) -> Manager:
    """A swarm of these engines; the first is its manager."""
    manager = Manager(engines[0].address)
    manager.docker("swarm", "init", "--advertise-addr", f"{SUBNET}.1")
    token = manager.docker("swarm", "join-token", "-q", "worker").strip()
    for number, engine in enumerate(engines[1:], 2):
        address = ("--advertise-addr", f"{SUBNET}.{number}")
        other = Manager(engine.address)
        other.docker("swarm", "join", *address, "--token", token, f"{SUBNET}.1:2377")
    return manager


@contextlib.contextmanager
def private_registry(engine: OwnEngine, folder: Path, host: str = f"{SUBNET}.1") -> Iterator[str]:
    """A registry on an engine's host that knows one user; its address."""
    address = f"{host}:5000"
    (folder / "accounts").write_text(ACCOUNTS)
    settings = folder / "config.yml"
    settings.write_text(SETTINGS.format(folder=folder, address=address))
    argv = engine.inside(program(), "serve", str(settings))
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        probe = engine.inside("bash", "-c", f"exec 3<>/dev/tcp/{address.replace(':', '/')}")
        wait_until(lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0)
        try:
            yield address
        finally:
            child.terminate()
