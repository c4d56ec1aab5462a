"""Published ports: who has those that a start needs, and which two of our services need the same.

An address of "" means every address of the host, IPv4 and IPv6. Two ports conflict if protocol and
number are equal, and the addresses are equal or one is every address of its family.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from composetasks.facts import Binding, Blocker, Container, Evidence, Model, PortHolder, World
from composetasks.facts.engine import bound_addresses
from composetasks.facts.frozen import frozen
from composetasks.plan.conflicts.claims import Claim, ClaimKind, conflict
from composetasks.plan.conflicts.origin import Origin, origin


@frozen
class Demand:
    """A published port of a service; from ``first`` to ``last`` if any free port of a range is
    enough. ``count`` is how many ports it takes, one for each replica."""

    service: str
    host_ip: str
    first: int
    last: int
    protocol: str
    count: int

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def fixed(self) -> bool:
        return self.first == self.last

    @property
    def text(self) -> str:
        number = str(self.first) if self.fixed else f"{self.first}-{self.last}"
        return port_text(self.host_ip, number, self.protocol)


@dataclass
class _PortHolders:
    """The holders of ports, by number and protocol."""

    containers: dict[tuple[int, str], list[tuple[Container, Binding]]] = field(default_factory=dict)
    processes: dict[tuple[int, str], list[PortHolder]] = field(default_factory=dict)


def port_text(host_ip: str, number: int | str, protocol: str) -> str:
    """A port as ``127.0.0.1:5432/tcp``, ``[::1]:5432/tcp`` or ``5432/tcp``."""
    address = f"[{host_ip}]" if ":" in host_ip else host_ip
    return f"{address}:{number}/{protocol}" if host_ip else f"{number}/{protocol}"


def meet(host_ip: str, other: str) -> bool:
    """Whether one port number can't be listened on at both of two host addresses."""
    return any(_same(a, b) for a in bound_addresses(host_ip) for b in bound_addresses(other))


def _same(host_ip: str, other: str) -> bool:
    try:
        a, b = ipaddress.ip_address(host_ip), ipaddress.ip_address(other)
    except ValueError:
        return host_ip == other
    return a.version == b.version and (a == b or a.is_unspecified or b.is_unspecified)


def demands(model: Model, services: Iterable[str]) -> tuple[Demand, ...]:
    """What ``services`` publish on chosen numbers. Ephemeral ports can't conflict, and a service on
    the host's network publishes nothing."""
    demands = []
    for name in services:
        service = model.services[name]
        if service.config.get("network_mode") == "host" or not service.replicas:
            continue
        demands += [
            Demand(name, port.host_ip, *port.published, port.protocol, service.replicas)
            for port in service.ports
            if port.published
        ]
    return tuple(demands)


def claims(world: World, services: Iterable[str]) -> Iterator[Claim]:
    """Yield claims on containers that hold a port which ``services`` publish as a fixed one."""
    starting = tuple(services)
    held = _held(world)
    for demand in demands(world.model, starting):
        if demand.fixed:
            for container in _holders(world, held, demand, demand.first, starting):
                yield Claim(ClaimKind.PORT, demand.text, demand.service, container)


def blockers(world: World, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield blockers for ports that processes hold, and for ranges with too few free ports."""
    starting = tuple(services)
    held = _held(world)
    for demand in demands(world.model, starting):
        if demand.fixed:
            for process in _processes(held, demand, demand.first):
                yield _held_by_process(demand, process)
        else:
            yield from _full_range(world, held, demand, starting)


def taken_since(before: World, now: World, services: Iterable[str]) -> Iterator[str]:
    """Yield the new holders of ports of ``services`` between two observations of the world."""
    starting = tuple(services)
    ran = {container.id for container in before.engine.containers if container.running}
    for claim in claims(now, starting):
        if claim.container.id not in ran:
            yield f"container {claim.container.name} holds port {claim.what} now"
    before_targets = {blocker.target for blocker in blockers(before, starting)}
    for blocker in blockers(now, starting):
        if blocker.target not in before_targets:
            yield blocker.message


def _held(world: World) -> _PortHolders:
    held = _PortHolders()
    by_id = {container.id: container for container in world.engine.containers}
    for container in world.engine.containers:
        for binding in container.bindings:
            key = (binding.published, binding.protocol)
            held.containers.setdefault(key, []).append((container, binding))
    for process in world.ports:
        key = (process.port, process.protocol)
        proxied = held.containers.get(key, ())
        if any(meet(binding.host_ip, process.host_ip) for _, binding in proxied):
            continue  # This is the engine's own proxy: the container is the holder.
        inside = by_id.get(process.container)
        if inside is None:
            held.processes.setdefault(key, []).append(process)
        else:
            bound = Binding(process.host_ip, process.port, process.port, process.protocol)
            held.containers.setdefault(key, []).append((inside, bound))
    return held


def _holders(
    world: World, held: _PortHolders, demand: Demand, number: int, starting: tuple[str, ...]
) -> Iterator[Container]:
    seen = set()
    for container, binding in held.containers.get((number, demand.protocol), ()):
        if container.id in seen or not meet(binding.host_ip, demand.host_ip):
            continue
        seen.add(container.id)
        if not _let_go(world, container, demand, starting):
            yield container


def _let_go(world: World, container: Container, demand: Demand, starting: tuple[str, ...]) -> bool:
    """Whether a holder does not count: it is one of our services in this start, and it publishes
    this port itself or is recreated. (If two of our services need the same port,
    :func:`ours_against_ours` reports it.)"""
    if origin(world, container) is not Origin.OURS or container.service not in starting:
        return False
    holder = world.model.services[container.service]
    if holder.name == demand.service or container.config_hash != holder.config_hash:
        return True
    return any(
        own.fixed
        and own.first == demand.first
        and own.protocol == demand.protocol
        and meet(own.host_ip, demand.host_ip)
        for own in demands(world.model, [holder.name])
    )


def _processes(held: _PortHolders, demand: Demand, number: int) -> list[PortHolder]:
    # A process on "::" also listens on IPv4, unless it disabled that.
    processes = [
        process
        for process in held.processes.get((number, demand.protocol), ())
        if (process.host_ip == "::" and not process.ipv6_only)
        or meet(process.host_ip, demand.host_ip)
    ]
    first = {(process.pid, process.name): process for process in reversed(processes)}
    return [first[one] for one in sorted(first, key=str)]


def _held_by_process(demand: Demand, process: PortHolder) -> Blocker:
    if process.pid is None:
        hint = (
            f"`sudo ss -Hlnp 'sport = :{demand.first}'` shows the process; stop it, or publish "
            f"another port for {demand.service}"
        )
    else:
        hint = f"stop it (`kill {process.pid}`), or publish another port for {demand.service}"
    return conflict(
        ClaimKind.PORT,
        demand.text,
        f"port {demand.text}, which service {demand.service} publishes, is held by "
        f"{process_text(process)}",
        hint,
        service=demand.service,
        because=(
            Evidence(kind="port", name=demand.text),
            Evidence(kind="process", name=process.name or None, detail=process_text(process)),
        ),
    )


def process_text(process: PortHolder) -> str:
    """A process in words: ``process nginx (pid 812, user www-data)``."""
    where = port_text(process.host_ip, process.port, process.protocol)
    if process.pid is None:
        user = f" of user {process.user}" if process.user else ""
        return f"a process{user} that is not visible to you, on {where}"
    user = f", user {process.user}" if process.user else ""
    return f"process {process.name or '(unknown)'} (pid {process.pid}{user}), on {where}"


def _full_range(
    world: World, held: _PortHolders, demand: Demand, starting: tuple[str, ...]
) -> Iterator[Blocker]:
    taken: list[str] = []
    for number in demand.numbers:
        holders = [f"container {c.name}" for c in _holders(world, held, demand, number, starting)]
        holders += [process_text(p) for p in _processes(held, demand, number)]
        if holders:
            taken.append(f"{number} by {holders[0]}")
    free = len(demand.numbers) - len(taken)
    if taken and free < demand.count:
        yield conflict(
            ClaimKind.PORT,
            demand.text,
            f"service {demand.service} needs {demand.count} of the ports {demand.text}, and "
            f"{free or 'none'} of them {'is' if free < 2 else 'are'} free: {', '.join(taken)}",
            "free one of them, or publish a wider range",
            service=demand.service,
            because=(Evidence(kind="port", name=demand.text),),
        )


# --- conflicts among our own services -------------------------------------------------------


def ours_against_ours(model: Model, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield blockers for ports that two of ``services``, or two replicas of one, need. A job that
    others wait for may have ended, and freed its ports, before another service starts."""
    wanted = demands(model, services)
    lasting = tuple(demand for demand in wanted if not model.awaits_end_of(demand.service))
    fixed = [demand for demand in wanted if demand.fixed]
    for place, demand in enumerate(fixed):
        if demand.count > 1:
            yield _own(
                demand,
                f"the {demand.count} replicas of service {demand.service} all want port "
                f"{demand.text}",
                "publish a range, or only the container's port (the engine then chooses the "
                "host's port)",
            )
        for other in fixed[:place]:
            if demand.service != other.service and not (demand in lasting and other in lasting):
                continue
            same = (other.first, other.protocol) == (demand.first, demand.protocol)
            if same and meet(other.host_ip, demand.host_ip):
                twice = other.service == demand.service
                who = (
                    f"service {demand.service} publishes"
                    if twice
                    else f"services {other.service} and {demand.service} both publish"
                )
                yield _own(
                    demand,
                    f"{who} port {demand.text}{' twice' if twice else ''}",
                    "give one of them another port",
                )
    yield from _too_narrow(lasting)


def _own(demand: Demand, message: str, hint: str) -> Blocker:
    return conflict(
        "own-port",
        demand.text,
        message,
        hint,
        service=demand.service,
        because=(Evidence(kind="port", name=demand.text),),
    )


def _too_narrow(wanted: tuple[Demand, ...]) -> Iterator[Blocker]:
    """Yield blockers for ranges with too few ports for all services that need one. Ranges that end
    first choose first, which finds a distribution if one exists (earliest deadline first)."""
    given: list[tuple[str, int, str]] = []
    for demand in sorted(wanted, key=lambda one: (one.last, one.first)):
        free = [
            number
            for number in demand.numbers
            if not any(
                number == other and protocol == demand.protocol and meet(address, demand.host_ip)
                for address, other, protocol in given
            )
        ]
        if not demand.fixed and len(free) < demand.count:
            yield _own(
                demand,
                f"service {demand.service} wants {demand.count} of the ports {demand.text}, but "
                "other services of this model leave too few of them",
                "publish a wider range",
            )
        given += [(demand.host_ip, number, demand.protocol) for number in free[: demand.count]]


def warnings(model: Model, services: Iterable[str]) -> Iterator[str]:
    """Yield a warning about ranges that include another service's fixed port."""
    wanted = demands(model, services)
    pairs = [
        f"{wide.text} of {wide.service} with {narrow.text} of {narrow.service}"
        for wide in wanted
        for narrow in wanted
        if not wide.fixed
        and narrow.fixed
        and wide.first <= narrow.first <= wide.last
        and wide.protocol == narrow.protocol
        and meet(wide.host_ip, narrow.host_ip)
    ]
    if pairs:
        yield (
            "port ranges include a port that another service needs, and whichever service starts "
            f"first may take it: {', '.join(pairs)}"
        )
