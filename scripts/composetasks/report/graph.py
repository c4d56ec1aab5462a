"""The dependencies between services, as a document and as a Mermaid flowchart (which GitHub, GitLab
and most Markdown viewers draw). ``graph_svg.py`` draws the document as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from composetasks.facts import Dependency, Model, Port
from composetasks.facts.model import COMPLETED, HEALTHY
from composetasks.report.documents import schema
from composetasks.report.text import state_of

LABELS = {HEALTHY: "healthy", COMPLETED: "completed"}
"""The conditions of dependencies that require more than a start."""
COLOURS = {"up": "#d3f3da", "bad": "#fbd5d5", "absent": "#eeeeee"}


def graph_document(model: Model, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The services of a model and their dependencies. ``states`` are the services' status
    documents, empty if no engine answers."""
    by_name = {one["name"]: one for one in states}
    return {
        "schema": schema("graph"),
        "project": model.project,
        "services": [
            {
                "name": name,
                "state": by_name[name]["state"] if name in by_name else None,
                "wanted": service.replicas,
                "provider": service.provider,
                "health": by_name[name]["health"] if name in by_name else None,
                "exit_code": by_name[name]["exit_code"] if name in by_name else None,
                "ports": (by_name[name]["ports"] if name in by_name else [])
                or [_port(port) for port in service.ports],
            }
            for name, service in model.services.items()
        ],
        "dependencies": [
            _dependency(name, dependency)
            for name, service in model.services.items()
            for dependency in service.depends_on
            if dependency.service in model.services
        ],
    }


def _dependency(name: str, dependency: Dependency) -> dict[str, Any]:
    return {
        "from": name,
        "to": dependency.service,
        "condition": dependency.condition,
        "required": dependency.required,
        "restart": dependency.restart,
    }


def _port(port: Port) -> str:
    """A port in the notation of ``docker ps``."""
    if port.published is None:
        return f"{port.target}/{port.protocol}"
    first, last = port.published
    published = str(first) if first == last else f"{first}-{last}"
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    return f"{address}:{published}->{port.target}/{port.protocol}".removeprefix(":")


def mermaid(document: Mapping[str, Any]) -> str:
    """The document as a flowchart: an arrow points to the dependency, dotted if it is not required.
    Services are numbered, because not every service name is a valid node name."""
    numbers = {one["name"]: f"s{place}" for place, one in enumerate(document["services"])}
    lines = ["flowchart LR"]
    for service in document["services"]:
        label = "<br/>".join(box_lines(service)).replace('"', "#quot;")
        colour = f":::{kind(service)}" if kind(service) else ""
        lines.append(f'  {numbers[service["name"]]}["{label}"]{colour}')
    for dependency in document["dependencies"]:
        label = condition(dependency)
        arrow = "-->" if dependency["required"] else "-.->"
        text = f"|{label}|" if label else ""
        lines.append(f"  {numbers[dependency['from']]} {arrow}{text} {numbers[dependency['to']]}")
    used = {kind(one) for one in document["services"]}
    lines += [
        f"  classDef {name} fill:{colour}" for name, colour in COLOURS.items() if name in used
    ]
    return "\n".join(lines)


def box_lines(service: Mapping[str, Any]) -> list[str]:
    """The lines in a service's box: its name, its state and its ports."""
    state = state_of(service) if service["state"] else ""
    return [line for line in (service["name"], state, *service["ports"]) if line]


def condition(dependency: Mapping[str, Any]) -> str:
    """The label of an arrow: what a dependency requires beyond a start, "" for nothing."""
    words = [LABELS.get(dependency["condition"], ""), "restart" if dependency["restart"] else ""]
    return ", ".join(word for word in words if word)


def kind(service: Mapping[str, Any]) -> str:
    """The colour class of a service; "" for a neutral state."""
    if service["state"] in (None, "missing"):
        return "absent" if service["state"] and service["wanted"] else ""
    if service["state"] == "exited":
        return "bad" if service["exit_code"] else ""
    if service["health"] == "unhealthy" or service["state"] in ("dead", "restarting"):
        return "bad"
    healthy = service["health"] in ("", "healthy")
    return "up" if service["state"] == "running" and healthy else ""
