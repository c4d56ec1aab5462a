"""Compose models made at random, and edits to them, for properties that hold for any model.

A model is made from bare services by edits, and changed by edits: so each feature is also seen
coming and going. :func:`valid` repairs what Compose would refuse, so every drawn list of edits
gives a model.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Model = dict[str, Any]
Body = dict[str, Any]
SLEEP = ["sleep", "3600"]
IMAGES = ("ct-test/busybox", "ct-test/busybox:latest")


@dataclass(frozen=True)
class Edit:
    """One change: ``kind`` is a key of EDITS, ``place`` chooses the service, ``value`` the rest."""

    kind: str
    place: int
    value: int


def bare(count: int) -> Model:
    """A model of ``count`` services, ``a`` to ``d``, that sleep."""
    names = "abcd"[:count]
    return {"services": {name: {"command": SLEEP} for name in names}}


def edited(model: Model, edits: list[Edit]) -> Model:
    """A copy of ``model`` with the edits made."""
    model = copy.deepcopy(model)
    for edit in edits:
        names = list(model["services"])
        name = names[edit.place % len(names)]
        EDITS[edit.kind](model, name, model["services"][name], edit.value)
    return model


def valid(model: Model, project: str, image: str) -> Model:
    """The document Compose is given: ``model`` without what contradicts itself."""
    model = copy.deepcopy(model)
    services = model["services"]
    if all(body.get("profiles") for body in services.values()):
        next(iter(services.values())).pop("profiles")
    earlier: list[str] = []
    used = {"networks": set[str](), "volumes": set[str]()}
    for name, body in services.items():
        _without_missing(body, earlier)
        if "network_mode" in body:
            for field in ("networks", "ports"):
                body.pop(field, None)
        if body.get("scale", 1) != 1:
            body.pop("container_name", None)
        if "container_name" in body:
            body["container_name"] = f"{project}-{name}-{body['container_name']}"
        body.setdefault("image", image)
        body |= {"init": True, "stop_grace_period": "1s"}
        used["networks"] |= set(body.get("networks", ()))
        used["volumes"] |= {one.split(":")[0] for one in body.get("volumes", ()) if ":" in one}
        if not body.get("profiles") and body.get("scale", 1) > 0:
            earlier.append(name)
    for kind, names in used.items():
        defined = model.get(kind, {})
        model[kind] = {name: defined.get(name, {}) for name in sorted(names)}
    return {"name": project, **model}


def _without_missing(body: Body, known: list[str]) -> None:
    """Drop what refers to services that are gone, inactive or later in the list (a cycle)."""
    depends = {one: how for one, how in body.get("depends_on", {}).items() if one in known}
    body["depends_on"] = depends
    if not depends:
        del body["depends_on"]
    for field in ("network_mode", "pid"):
        if body.get(field, "").removeprefix("service:") not in known:
            body.pop(field, None)
    body["volumes_from"] = [one for one in body.get("volumes_from", ()) if one in known]
    if not body["volumes_from"]:
        del body["volumes_from"]


# --- the edits ------------------------------------------------------------------------------


def _environment(_m: Model, _n: str, body: Body, value: int) -> None:
    body.setdefault("environment", {})[f"V{value % 2}"] = str(value)


def _no_environment(_m: Model, _n: str, body: Body, _v: int) -> None:
    body.pop("environment", None)


def _command(_m: Model, _n: str, body: Body, value: int) -> None:
    body["command"] = ["sleep", str(3600 + value)]


def _labels(_m: Model, _n: str, body: Body, value: int) -> None:
    body["labels"] = {"test.value": str(value)}


def _ports(_m: Model, _n: str, body: Body, value: int) -> None:
    body["ports"] = [str(80 + value)]


def _networks(_m: Model, _n: str, body: Body, value: int) -> None:
    body["networks"] = (["one"], ["one", "two"], ["default"])[value % 3]


def _volumes(_m: Model, _n: str, body: Body, value: int) -> None:
    body["volumes"] = (["one:/data"], ["two:/data", "one:/more"], ["/data"], ["one:/other"])[value]


def _depends(model: Model, name: str, body: Body, value: int) -> None:
    names = list(model["services"])
    other = names[value % len(names)]
    if other != name:
        body["depends_on"] = {other: {"condition": "service_started", "restart": value % 2 == 1}}


def _scale(_m: Model, _n: str, body: Body, value: int) -> None:
    body["scale"] = value


def _profile(_m: Model, _n: str, body: Body, value: int) -> None:
    body["profiles"] = ["extra"] if value % 2 else []


def _healthcheck(_m: Model, _n: str, body: Body, value: int) -> None:
    body["healthcheck"] = {"test": ["CMD", "true"], "interval": f"{value + 1}s"}


def _container_name(_m: Model, _n: str, body: Body, value: int) -> None:
    if value:
        body["container_name"] = str(value)
    else:
        body.pop("container_name", None)


def _shares(field: str) -> Callable[[Model, str, Body, int], None]:
    def edit(model: Model, _name: str, body: Body, value: int) -> None:
        names = list(model["services"])
        body[field] = f"service:{names[value % len(names)]}"

    return edit


def _volumes_from(model: Model, _name: str, body: Body, value: int) -> None:
    names = list(model["services"])
    body["volumes_from"] = [names[value % len(names)]]


def _unshared(_m: Model, _n: str, body: Body, _v: int) -> None:
    for field in ("network_mode", "pid", "volumes_from"):
        body.pop(field, None)


def _inline(section: str) -> Callable[[Model, str, Body, int], None]:
    def edit(model: Model, _name: str, body: Body, value: int) -> None:
        model.setdefault(section, {})["inline"] = {"content": f"value {value}\n"}
        body[section] = [{"source": "inline", "target": f"/{section}"}]

    return edit


def _restart(_m: Model, _n: str, body: Body, value: int) -> None:
    body["restart"] = ("no", "always", "on-failure", "unless-stopped")[value]


def _remove(model: Model, name: str, _body: Body, _v: int) -> None:
    if len(model["services"]) > 1:
        del model["services"][name]


def _rename(model: Model, name: str, _body: Body, value: int) -> None:
    new = f"r{value}"
    if new not in model["services"]:
        model["services"] = {
            (new if key == name else key): body for key, body in model["services"].items()
        }


def _build_only(_m: Model, _n: str, body: Body, value: int) -> None:
    body["pull_policy"] = ("missing", "never")[value % 2]


EDITS: dict[str, Callable[[Model, str, Body, int], None]] = {
    "environment": _environment,
    "no environment": _no_environment,
    "command": _command,
    "labels": _labels,
    "ports": _ports,
    "networks": _networks,
    "volumes": _volumes,
    "depends_on": _depends,
    "scale": _scale,
    "profile": _profile,
    "healthcheck": _healthcheck,
    "container_name": _container_name,
    "network_mode": _shares("network_mode"),
    "pid": _shares("pid"),
    "volumes_from": _volumes_from,
    "unshared": _unshared,
    "config": _inline("configs"),
    "restart": _restart,
    "remove": _remove,
    "rename": _rename,
    "pull_policy": _build_only,
}

edits = st.builds(
    Edit, kind=st.sampled_from(sorted(EDITS)), place=st.integers(0, 3), value=st.integers(0, 3)
)
