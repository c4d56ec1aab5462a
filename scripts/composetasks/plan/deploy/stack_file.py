"""Translate the Compose model into a file for ``docker stack deploy``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from composetasks.facts import Blocker, ExitCode
from composetasks.facts.deploy import WAITS_FOR, StackFile
from composetasks.facts.model import COMPLETED
from composetasks.plan.deploy.fields import COMPOSE_ONLY, PLACED, REFUSED, SAME, TRANSLATED
from composetasks.plan.deploy.shared import network_warnings, shared_resources

VERSION = "3.13"
EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]")


def stack_file(
    config: Mapping[str, Any],
    images: Mapping[str, str],
    objects: Mapping[tuple[str, str], str],
    endpoint: str,
) -> StackFile:
    """The stack file for a resolved model: ``images`` are the references that its services run,
    ``objects`` the names of its configs and secrets in the swarm, by kind and key. ``endpoint`` is
    the endpoint mode (``vip`` or ``dnsrr``) of services that set none."""
    services = config.get("services") or {}
    translated = {
        name: _Translation(name, section, config, images[name], objects, endpoint)
        for name, section in services.items()
    }
    sections = {name: one.translate() for name, one in translated.items()}
    return StackFile(
        {"version": VERSION, "services": sections, **shared_resources(config, sections)},
        tuple(blocker for one in translated.values() for blocker in one.blockers),
        (
            *(warning for one in translated.values() for warning in one.warnings()),
            *network_warnings(config, sections),
        ),
    )


def with_services(
    before: Mapping[str, Any], now: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """The file ``before``, with the services ``names`` as in ``now``."""
    kinds = ("services", "networks", "volumes", "configs", "secrets")
    chosen = {**now, "services": {name: now["services"][name] for name in names}}
    merged = {kind: {**before.get(kind, {}), **chosen.get(kind, {})} for kind in kinds}
    return {"version": VERSION, **{kind: one for kind, one in merged.items() if one}}


@dataclass
class _Translation:
    """The translation of one service, with its blockers and ignored fields."""

    name: str
    section: Mapping[str, Any]
    config: Mapping[str, Any]
    image: str
    objects: Mapping[tuple[str, str], str]
    endpoint: str
    blockers: list[Blocker] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def job(self) -> bool:
        """Whether other services wait for this one's completion."""
        return any(
            (other.get("depends_on") or {}).get(self.name, {}).get("condition") == COMPLETED
            for other in (self.config.get("services") or {}).values()
        )

    def translate(self) -> dict[str, Any]:
        given = {key: value for key, value in self.section.items() if _is_set(value)}
        for key in given:
            if key in REFUSED:
                if not _harmless(key, given[key]):
                    self._block(key, f"uses {REFUSED[key]} ({key})")
            elif not key.startswith("x-") and key not in SAME | TRANSLATED | COMPOSE_ONLY:
                self.dropped.append(key)
        for key in ("command", "entrypoint"):
            if self.section.get(key) == []:
                self._block(key, f"clears the {key} of its image")
        translated = {key: _without_nothing(given[key]) for key in given if key in SAME}
        translated["image"] = self.image
        translated["deploy"] = self._deploy()
        parts = {
            "extra_hosts": [str(one).replace("=", ":", 1) for one in given.get("extra_hosts", ())],
            "networks": self._networks(),
            "ports": list(self._ports()),
            "volumes": list(self._volumes()),
            **{kind: list(self._objects(kind)) for kind in ("configs", "secrets")},
            WAITS_FOR: sorted(given.get("depends_on", ())),
        }
        return {**translated, **{key: value for key, value in parts.items() if value}}

    def warnings(self) -> Iterator[str]:
        if self.dropped:
            yield f"{self.name}: Swarm has no {', '.join(sorted(self.dropped))}; ignored"
        local = sorted(set(self._local_volumes()))
        if local and not self._placed():
            yield (
                f"{self.name}: each node has its own volume {', '.join(local)}, and the service "
                "is not tied to a node: name one in deploy.placement.constraints"
            )

    # --- how it runs ------------------------------------------------------------------------

    def _deploy(self) -> dict[str, Any]:
        given = self.section
        deploy = dict(_without_nothing(given.get("deploy") or {}))
        if given.get("scale") is not None:
            deploy.setdefault("replicas", given["scale"])
        if self.endpoint:
            deploy.setdefault("endpoint_mode", self.endpoint)
        resources = self._resources(deploy.pop("resources", {}))
        if resources:
            deploy["resources"] = resources
        policy = deploy.get("restart_policy") or _restart_policy(str(given.get("restart") or ""))
        if self.job:
            deploy = {k: v for k, v in deploy.items() if not k.endswith("_config")}
            deploy["mode"] = "global-job" if deploy.get("mode") == "global" else "replicated-job"
            if policy.get("condition", "any") == "any":
                policy = {**policy, "condition": "on-failure" if policy else "none"}
        if policy:
            deploy["restart_policy"] = policy
        return deploy

    def _resources(self, given: Mapping[str, Any]) -> dict[str, Any]:
        limits = {
            "cpus": self.section.get("cpus"),
            "memory": self.section.get("mem_limit"),
            "pids": self.section.get("pids_limit"),
            **given.get("limits", {}),
        }
        reservations = {
            "memory": self.section.get("mem_reservation"),
            **given.get("reservations", {}),
        }
        if reservations.pop("devices", None):
            self._block("deploy.resources.reservations.devices", "uses host devices")
        kinds = {"limits": limits, "reservations": reservations}
        return {kind: amounts for kind, one in kinds.items() if (amounts := _amounts(one))}

    def _ports(self) -> Iterator[dict[str, Any]]:
        mode = (self.section.get("deploy") or {}).get("endpoint_mode") or self.endpoint
        for port in self.section.get("ports") or ():
            published = str(port.get("published") or "")
            if str(port.get("host_ip") or "") not in EVERY_ADDRESS:
                self._block(
                    "ports",
                    f"publishes {port['target']} on {port['host_ip']} only, but Swarm publishes "
                    "on all addresses",
                    "publish it without an address, or not at all, in a file of "
                    "stack.deploy.files: `ports: !override [...]`",
                )
            if "-" in published:
                self._block("ports", f"publishes {port['target']} on any port of {published}")
                continue
            yield {
                "target": int(port["target"]),
                **({"published": int(published)} if published else {}),
                "protocol": str(port.get("protocol") or "tcp"),
                "mode": "host" if mode == "dnsrr" else str(port.get("mode") or "ingress"),
            }

    # --- what it mounts ---------------------------------------------------------------------

    def _volumes(self) -> Iterator[dict[str, Any]]:
        for mount in self.section.get("volumes") or ():
            kind = str(mount.get("type") or "volume")
            if kind not in ("volume", "tmpfs"):
                source = mount.get("source") or mount.get("target")
                self._block(
                    "volumes",
                    f"mounts {source} ({kind}), which other nodes do not have",
                    "build it into the image, or make it a config or a volume, in a file of "
                    "stack.deploy.files: `volumes: !override [...]`",
                )
                continue
            entry = {
                key: mount[key]
                for key in ("type", "source", "target", "read_only")
                if mount.get(key)
            }
            options = _without_nothing(mount.get(kind) or {})
            if kind == "tmpfs" and "size" in options:
                options["size"] = int(options["size"])
            if options.pop("subpath", None):
                self._block("volumes", f"mounts a subpath of {mount.get('source')}")
            yield {**entry, **({kind: options} if options else {})}
        if self.section.get("shm_size"):
            size = {"size": int(self.section["shm_size"])}
            yield {"type": "tmpfs", "target": "/dev/shm", "tmpfs": size}  # noqa: S108

    def _local_volumes(self) -> Iterator[str]:
        defined = self.config.get("volumes") or {}
        for mount in self.section.get("volumes") or ():
            entry = defined.get(mount.get("source")) or {}
            options = entry.get("driver_opts") or {}
            local = (entry.get("driver") or "local") == "local" and "type" not in options
            if mount.get("type") == "volume" and mount.get("source") and local:
                yield str(mount["source"])

    def _placed(self) -> bool:
        deploy = self.section.get("deploy") or {}
        constraints = (deploy.get("placement") or {}).get("constraints") or ()
        return any(str(one).startswith(PLACED) and "==" in str(one) for one in constraints)

    def _objects(self, kind: str) -> Iterator[dict[str, Any]]:
        place = {"configs": "/", "secrets": "/run/secrets/"}[kind]
        for entry in self.section.get(kind) or ():
            source = str(entry["source"])
            reference: dict[str, Any] = {"target": str(entry.get("target") or place + source)}
            reference |= {key: str(entry[key]) for key in ("uid", "gid") if entry.get(key)}
            if entry.get("mode"):
                reference["mode"] = int(str(entry["mode"]), 8)
            yield {"source": self.objects[kind, source], **reference}

    # --- how it is reached ------------------------------------------------------------------

    def _networks(self) -> dict[str, Any]:
        alias = [self.section["container_name"]] if self.section.get("container_name") else []
        networks: dict[str, Any] = {}
        for key, entry in (self.section.get("networks") or {}).items():
            given = dict(entry or {})
            aliases = list(dict.fromkeys([*(given.pop("aliases", None) or ()), *alias]))
            if given.pop("ipv4_address", None) or given.pop("ipv6_address", None):
                self._block("networks", f"has a fixed address on network {key}")
            self.dropped += [
                f"networks.{key}.{option}" for option, value in given.items() if _is_set(value)
            ]
            networks[key] = {"aliases": aliases} if aliases else None
        return networks

    def _block(self, what: str, why: str, hint: str = "") -> None:
        self.blockers.append(
            Blocker(
                kind="swarm",
                target=f"{self.name}.{what}",
                message=f"{self.name} {why}: Swarm can't do that",
                hint=hint
                or "remove it in a file of stack.deploy.files: `"
                f"{what.partition('.')[0]}: !reset null`",
                code=ExitCode.INVALID,
                service=self.name,
            )
        )


def _is_set(value: Any) -> bool:
    return value not in (None, "", False) and value != [] and value != {}


def _harmless(key: str, value: Any) -> bool:
    """Whether a field only states the default."""
    usual = {
        "network_mode": ("bridge", "default"),
        "ipc": ("private", "shareable"),
        "cgroup": ("private",),
    }
    return str(value) in usual.get(key, ())


def _without_nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nothing(one) for key, one in value.items() if one not in (None, {})}
    return value


def _amounts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Limits as the stack file writes them: numbers of processors and bytes are strings."""
    return {
        key: value if key in ("pids", "generic_resources") else str(value)
        for key, value in given.items()
        if value not in (None, 0, "0", "")
    }


def _restart_policy(restart: str) -> dict[str, Any]:
    condition, _, attempts = restart.partition(":")
    if condition == "on-failure":
        return {"condition": condition, **({"max_attempts": int(attempts)} if attempts else {})}
    named = {"no": "none", "always": "any", "unless-stopped": "any"}
    return {"condition": named[condition]} if condition in named else {}
