"""Never worse than plain Compose: models made at random, and what happens to stacks by hand.

TWIN_SEEDS says how many seeds are tried (each takes some 20 seconds), TWIN_SEED where they begin:
a failure is run again by its number.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.busybox import TAG
from tests.engine.stacks import docker
from tests.faults.own_engine import OwnEngine
from tests.faults.twin_models import FEATURES, LOOP, drawn
from tests.faults.twins import Twins, make_twins
from tests.project import own_environment

SEEDS = int(os.environ.get("TWIN_SEEDS", "6"))
SEED = int(os.environ.get("TWIN_SEED", "1"))
ROUNDS = 3


# --- what happens ---------------------------------------------------------------------------


def _chosen(twins: Twins, chance: random.Random) -> str:
    names = [name for name, body in twins.draft.services.items() if "profiles" not in body]
    return chance.choice(names)


def _by_compose(*words: str) -> Callable[[Twins, random.Random], None]:
    def event(twins: Twins, chance: random.Random) -> None:
        service = _chosen(twins, chance)
        twins.told.append(f"docker compose {' '.join(words)} {service}")
        for twin in twins.both:
            twin.compose(*words, service)

    return event


def _stop_all(twins: Twins, _c: random.Random) -> None:
    twins.told.append("docker compose stop")
    for twin in twins.both:
        twin.compose("stop")


def _down(twins: Twins, _c: random.Random) -> None:
    twins.told.append("docker compose down")
    for twin in twins.both:
        twin.compose("down")


def _run_by_hand(twins: Twins, chance: random.Random) -> None:
    """A container of the image of a service, which inherits that image's labels."""
    built = [name for name, body in twins.draft.services.items() if "build" in body]
    for twin in twins.both:
        tags = [f"{twin.name}-{name}" for name in built]
        for tag in tags or [TAG]:
            name = f"{twin.name}.mine{len(twins.told)}"
            docker("run", "-d", "--init", "--name", name, tag, "sleep", "3600", check=False)
    twins.told.append("docker run of an image")


def _fill(twins: Twins, _c: random.Random) -> None:
    """The services write where they can."""
    text = twins.draft.next()
    twins.told.append(f"{text!r} is written")
    script = f"for f in /data /anonymous /bind; do [ -d $f ] && echo {text} > $f/token; done; true"
    for twin in twins.both:
        for record in twin.containers():
            docker("exec", record["Id"], "sh", "-c", script, check=False)


def _edit_file(twins: Twins, chance: random.Random) -> None:
    names = sorted(name for name in twins.draft.files if not name.endswith("Dockerfile"))
    if not names:
        return
    name = chance.choice(names)
    twins.told.append(f"edit {name}")
    text = twins.draft.next()
    twins.draft.files[name] = f"FROM_FILE={text}\n" if name.endswith(".env") else text
    twins.write()


def _new_file(twins: Twins, _c: random.Random) -> None:
    for name in [one for one in twins.draft.files if one.endswith("V1.sql")]:
        new = name.replace("V1", f"V{len(twins.told) + 2}")
        twins.draft.files[new] = twins.draft.next()
        twins.told.append(f"add {new}")
    twins.write()


def _edit_service(twins: Twins, chance: random.Random) -> None:
    service = _chosen(twins, chance)
    feature = chance.choice(("environment", "config", "secret", "env_file", "volume", "scale"))
    body = twins.draft.services[service]
    if feature == "config" and any(one["target"] == "/config" for one in body.get("configs", ())):
        twins.draft.configs[service]["content"] = twins.draft.next()
    elif feature == "volume" and "data:/data" in body.get("volumes", ()):
        return
    else:
        FEATURES[feature](twins.draft, service, body, [], chance)
    twins.told.append(f"edit {feature} of {service}")
    twins.write()


def _override(twins: Twins, chance: random.Random) -> None:
    service = _chosen(twins, chance)
    text = twins.draft.next()
    twins.draft.files["compose.override.yaml"] = (
        f"services:\n  {service}:\n    environment:\n      VALUE: {text}\n"
        f"  extra:\n    image: {TAG}\n    stop_grace_period: 1s\n    init: true\n"
        "    command: [sleep, '3600']\n"
    )
    twins.told.append(f"compose.override.yaml for {service}")
    twins.write()


def _remove_override(twins: Twins, _c: random.Random) -> None:
    if twins.draft.files.pop("compose.override.yaml", None):
        twins.told.append("remove compose.override.yaml")
        twins.write()


def _up_by_compose(twins: Twins, _c: random.Random) -> None:
    twins.told.append("docker compose up -d --build")
    for twin in twins.both:
        twin.compose("up", "-d", "--build")


def _build_by_compose(twins: Twins, _c: random.Random) -> None:
    twins.told.append("docker compose build --no-cache")
    for twin in twins.both:
        twin.compose("build", "--no-cache")


def _failed_start(twins: Twins, chance: random.Random) -> None:
    """A start that fails, and is then corrected."""
    service = _chosen(twins, chance)
    body = twins.draft.services[service]
    good, restart = body.get("command", LOOP), body.get("restart")
    body |= {"command": ["sh", "-c", "exit 7"], "restart": chance.choice(("no", "always"))}
    twins.write()
    twins.plain.compose("up", "-d", "--build", timeout=30)
    twins.tasks.project.inv("up", "--timeout", "10")
    twins.told.append(f"a failed start of {service}")
    body["command"] = good
    if restart is None:
        del body["restart"]
    else:
        body["restart"] = restart
    twins.write()


def _remove_container(twins: Twins, chance: random.Random) -> None:
    service = _chosen(twins, chance)
    twins.told.append(f"docker rm -f {service}")
    for twin in twins.both:
        for record in twin.containers(service)[:1]:
            docker("rm", "-f", record["Id"], check=False)


EVENTS: dict[str, Callable[[Twins, random.Random], None]] = {
    "stop": _by_compose("stop"),
    "stop all": _stop_all,
    "kill": _by_compose("kill"),
    "restart": _by_compose("restart"),
    "down": _down,
    "rm": _remove_container,
    "recreate": _by_compose("up", "-d", "--force-recreate"),
    "run by hand": _run_by_hand,
    "fill": _fill,
    "edit file": _edit_file,
    "new file": _new_file,
    "edit service": _edit_service,
    "override": _override,
    "no override": _remove_override,
    "up by Compose": _up_by_compose,
    "build by Compose": _build_by_compose,
    "failed start": _failed_start,
}


@pytest.mark.parametrize("number", range(SEED, SEED + SEEDS))
def test_inv_up_is_never_worse_than_compose(engine: OwnEngine, tmp_path: Path, number: int) -> None:
    chance = random.Random(number)  # noqa: S311
    name = f"ct-twin-{uuid.uuid4().hex[:8]}"
    twins = make_twins(tmp_path, name, own_environment(), drawn(chance))
    twins.start()
    for _ in range(ROUNDS):
        _fill(twins, chance)
        for event in chance.sample(sorted(EVENTS), chance.randint(1, 2)):
            EVENTS[event](twins, chance)
        if chance.random() < 0.15:
            twins.told.append("the engine restarts")
            engine.restart()
        twins.start()
    by_hand = docker("ps", "-q", "--filter", f"name={name}-plain.mine").split()
    kept = docker("ps", "-q", "--filter", f"name={name}-tasks.mine").split()
    assert len(kept) == len(by_hand), twins.story("a container that was run by hand is gone")
