"""Compose models made at random for the comparison with plain Compose, and what happens to them.

A :class:`Draft` is one project as its developer keeps it: a Compose model and the files beside it.
Both of a pair of twins are written from the same draft, so the two differ by their names alone.
Each service is of a kind that public projects were seen to have.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.busybox import TAG

Body = dict[str, Any]
LOOP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
SERVE = ["sh", "-c", "trap 'exit 0' TERM; httpd -p 80 -h /www; while :; do sleep 0.2; done"]
NAME = "@PROJECT@"
"""Stands for the twin's name wherever a draft needs it."""


@dataclass
class Draft:
    """A project's model and files; ``jobs`` are the services that end by themselves."""

    services: dict[str, Body] = field(default_factory=dict)
    volumes: dict[str, Body] = field(default_factory=dict)
    configs: dict[str, Body] = field(default_factory=dict)
    secrets: dict[str, Body] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    jobs: set[str] = field(default_factory=set)
    edits: int = 0

    def write(self, folder: Path, name: str) -> None:
        """Write it all below ``folder`` for a project of this name."""
        sections = ("services", "volumes", "configs", "secrets")
        model = {section: getattr(self, section) for section in sections if getattr(self, section)}
        files = {"compose.yaml": json.dumps({"name": name, **model}, indent=1), **self.files}
        for path, text in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.replace(NAME, name))
        for place in folder.rglob("*"):
            path = str(place.relative_to(folder))
            kept = path.startswith((".composetasks", "bind")) or path in (
                "tasks.py",
                "compose.yaml",
            )
            if place.is_file() and not kept and path not in self.files:
                place.unlink()

    def next(self) -> str:
        """A text that was not used before."""
        self.edits += 1
        return f"edit {self.edits}"


def drawn(chance: random.Random) -> Draft:
    """A model of two to four services; a later one may depend on, or share with, an earlier."""
    draft = Draft()
    for number in range(chance.randint(2, 4)):
        name = "abcd"[number]
        kind = chance.choice(sorted(KINDS))
        stays = (one for one in draft.services if one not in draft.jobs)
        earlier = [one for one in stays if "profiles" not in draft.services[one]]
        draft.services[name] = {"image": TAG, "stop_grace_period": "2s"}
        KINDS[kind](draft, name, draft.services[name], earlier, chance)
        draft.services[name]["labels"] = {"kind": kind}
        for _ in range(chance.randint(0, 2)):
            feature = chance.choice(sorted(FEATURES))
            FEATURES[feature](draft, name, draft.services[name], earlier, chance)
    return draft


# --- kinds of services ----------------------------------------------------------------------


def _worker(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body["command"] = LOOP


def _server(draft: Draft, name: str, body: Body, _e: list[str], chance: random.Random) -> None:
    draft.files[f"{name}/www/index.html"] = "hello\n"
    body |= {"command": SERVE, "ports": ["80"], "volumes": [f"./{name}/www:/www:ro"]}
    if chance.random() < 0.5:
        test = ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
        body["healthcheck"] = {"test": test, "interval": "1s", "retries": 20}


def _several_exposed(draft: Draft, name: str, body: Body, e: list[str], c: random.Random) -> None:
    _server(draft, name, body, e, c)
    body["expose"] = ["443", "8443"]


def _idle(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body |= {"command": ["sleep", "infinity"], "init": True, "ports": ["8080"]}


def _built(draft: Draft, name: str, body: Body, _e: list[str], chance: random.Random) -> None:
    del body["image"]
    draft.files[f"{name}/page"] = draft.next()
    lines = "COPY page /page\n"
    body["command"] = LOOP
    body["build"] = {"context": f"./{name}"}
    if chance.random() < 0.4:
        inline = f"ARG BASE={TAG}\nFROM $${{BASE}}\n{lines}"
        body["build"]["dockerfile_inline"] = inline
    else:
        draft.files[f"{name}/Dockerfile"] = f"FROM {TAG}\n{lines}"


def _job(draft: Draft, name: str, body: Body, earlier: list[str], chance: random.Random) -> None:
    """Copies what it mounts into a volume, as a migration does."""
    draft.files[f"{name}/sql/V1.sql"] = "create\n"
    draft.volumes["schema"] = {}
    body["command"] = ["sh", "-c", "cp /sql/* /schema/"]
    body["volumes"] = [f"./{name}/sql:/sql:ro", "schema:/schema"]
    draft.jobs.add(name)
    user = f"{name}-user"
    ended = {name: {"condition": "service_completed_successfully"}}
    draft.services[user] = {
        "image": TAG,
        "stop_grace_period": "2s",
        "command": LOOP,
        "depends_on": ended,
        "volumes": ["schema:/schema:ro"],
    }


def _migration(draft: Draft, name: str, body: Body, _e: list[str], _c: random.Random) -> None:
    """Asks a database that keeps all in memory to make its schema."""
    database = f"{name}-db"
    script = "#!/bin/sh\necho made > /memory/schema\necho\necho ok\n"
    draft.configs["migrate"] = {"content": script}
    draft.services[database] = {
        "image": TAG,
        "stop_grace_period": "2s",
        "command": SERVE,
        "tmpfs": ["/memory"],
        "configs": [{"source": "migrate", "target": "/www/cgi-bin/migrate", "mode": 0o755}],
        "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
    }
    script = f"until wget -q -O - http://{database}/cgi-bin/migrate; do sleep 0.2; done"
    body["command"] = ["sh", "-c", script]
    body["depends_on"] = {database: {"condition": "service_healthy"}}
    draft.jobs.add(name)
    ended = {name: {"condition": "service_completed_successfully"}}
    draft.services[f"{name}-app"] = {
        "image": TAG,
        "stop_grace_period": "2s",
        "command": LOOP,
        "depends_on": ended,
    }


def _done(draft: Draft, name: str, body: Body, _e: list[str], chance: random.Random) -> None:
    body |= {"command": ["true"], "restart": chance.choice(("no", "on-failure"))}
    draft.jobs.add(name)


def _slow_to_come(_d: Draft, _n: str, body: Body, _e: list[str], chance: random.Random) -> None:
    """Exits until it was started often enough, as what has no patience with its database."""
    tries = chance.randint(2, 5)
    begin = f"echo x >> /tries/log; [ $$(wc -l < /tries/log) -ge {tries} ] || exit 3; "
    body |= {"command": ["sh", "-c", begin + LOOP[2]], "volumes": ["/tries"]}
    body["restart"] = chance.choice(("always", "unless-stopped", "on-failure"))


def _sharer(_d: Draft, _n: str, body: Body, earlier: list[str], chance: random.Random) -> None:
    body["command"] = LOOP
    if earlier:
        body["network_mode"] = f"service:{chance.choice(earlier)}"
    else:
        body["network_mode"] = "none"


def _inactive(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body |= {"command": LOOP, "profiles": ["extra"], "build": {"context": "./not-there"}}


def _hooked(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body["command"] = LOOP
    body["volumes"] = ["./bind:/bind"]
    body["post_start"] = [{"command": ["sh", "-c", "echo started > /bind/post_start"]}]
    body["pre_stop"] = [{"command": ["sh", "-c", "echo stopped > /bind/pre_stop"]}]


Kind = Callable[[Draft, str, Body, list[str], random.Random], None]
KINDS: dict[str, Kind] = {
    "worker": _worker,
    "server": _server,
    "several exposed": _several_exposed,
    "idle": _idle,
    "built": _built,
    "job": _job,
    "migration": _migration,
    "done": _done,
    "slow to come": _slow_to_come,
    "sharer": _sharer,
    "inactive": _inactive,
    "hooked": _hooked,
}


# --- features -------------------------------------------------------------------------------


def _volume(draft: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    draft.volumes["data"] = {}
    body.setdefault("volumes", []).append("data:/data")


def _anonymous(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body.setdefault("volumes", []).append("/anonymous")


def _bind(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    if "./bind:/bind" not in body.setdefault("volumes", []):
        body["volumes"].append("./bind:/bind")


def _environment(draft: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    body.setdefault("environment", {})["VALUE"] = f"{draft.next()} $$5 ${{UNSET:-default}}"


def _env_file(draft: Draft, name: str, body: Body, _e: list[str], _c: random.Random) -> None:
    draft.files[f"{name}.env"] = f"FROM_FILE={draft.next()}\n"
    body["env_file"] = [f"{name}.env"]


def _config(draft: Draft, name: str, body: Body, _e: list[str], _c: random.Random) -> None:
    draft.configs[name] = {"content": f"{draft.next()} $$HOME\n"}
    body.setdefault("configs", []).append({"source": name, "target": "/config"})


def _secret(draft: Draft, name: str, body: Body, _e: list[str], _c: random.Random) -> None:
    draft.files[f"{name}.secret"] = draft.next()
    draft.secrets[name] = {"file": f"./{name}.secret"}
    body["secrets"] = [{"source": name, "target": "secret"}]


def _depends(draft: Draft, _n: str, body: Body, earlier: list[str], c: random.Random) -> None:
    if earlier:
        entry = {"condition": "service_started", "restart": c.random() < 0.3}
        body.setdefault("depends_on", {}).setdefault(c.choice(earlier), entry)


def _scale(_d: Draft, _n: str, body: Body, _e: list[str], _c: random.Random) -> None:
    if "post_start" not in body and "network_mode" not in body:
        body["scale"] = 2


def _fixed_name(_d: Draft, name: str, body: Body, _e: list[str], _c: random.Random) -> None:
    if "scale" not in body:
        body["container_name"] = f"{NAME}.{name}"


FEATURES: dict[str, Kind] = {
    "volume": _volume,
    "anonymous volume": _anonymous,
    "bind": _bind,
    "environment": _environment,
    "env_file": _env_file,
    "config": _config,
    "secret": _secret,
    "depends_on": _depends,
    "scale": _scale,
    "container_name": _fixed_name,
}
