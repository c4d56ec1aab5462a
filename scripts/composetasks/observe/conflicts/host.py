"""This host: the processes that hold ports, and the real paths of folders that labels name.

Only meaningful for an engine on this host. Nothing is opened or bound unless the kernel's tables
show that a port is taken.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from composetasks.facts import Container, Model, PortHolder
from composetasks.facts.engine import bound_addresses
from composetasks.facts.frozen import frozen
from composetasks.observe.instances.maker import same_checkout
from composetasks.run import file_systems
from composetasks.store import folder

TCP_LISTEN, UDP_BOUND = "0A", "07"
"""States in /proc/net: a listening TCP socket; a UDP socket without a peer (proc(5))."""
CONTAINER_ID = re.compile(r"[/-]([0-9a-f]{64})(?:\.scope)?(?:/|$)", re.MULTILINE)
"""How the cgroup paths of an engine's containers end, under cgroup v1, v2 and systemd."""


@frozen
class _Socket:
    """A row of the kernel's tables: the bound address, its owner (uid), and the socket's inode.
    ``ipv6_only`` is determined by :func:`_refused`."""

    host_ip: str
    port: int
    protocol: str
    uid: int
    inode: int
    ipv6_only: bool = False

    def holder(self, of: PortHolder) -> PortHolder:
        """Return ``of`` with the address of this socket."""
        return replace(
            of,
            host_ip=self.host_ip,
            port=self.port,
            protocol=self.protocol,
            ipv6_only=self.ipv6_only,
        )


def port_holders(ports: Iterable[tuple[str, int, str]]) -> tuple[PortHolder, ...]:
    """Return the processes that hold ``ports``, each an address ("" for all), a number and "tcp" or
    "udp". If the kernel shows none of them as taken, nothing else is read."""
    wanted = tuple(ports)
    if not wanted:
        return ()
    if sys.platform != "linux":
        return tuple(_by_binding(wanted))
    numbers = {(number, protocol) for _, number, protocol in wanted}
    taken = [
        replace(listener, ipv6_only=_leaves_ipv4(listener, wanted))
        for listener in _sockets(numbers)
        if any(_blocks(listener, *port) for port in wanted)
    ]
    holders = set(_owners(taken)) if taken else ()
    return tuple(
        sorted(holders, key=lambda one: (one.port, one.protocol, one.host_ip, one.pid or 0))
    )


def unheld(
    ports: Iterable[tuple[str, int, str]], containers: Iterable[Container]
) -> Iterator[tuple[str, int, str]]:
    """Yield those of ``ports`` that no container holds: only there can a process be in the way.
    (The engine's own proxy listens on a container's port.)"""
    held: dict[tuple[int, str], list[str]] = {}
    for container in containers:
        for binding in container.bindings:
            held.setdefault((binding.published, binding.protocol), []).append(binding.host_ip)
    for host_ip, number, protocol in ports:
        # A container holds "every address" on both families, or on IPv4 alone.
        address = host_ip or "0.0.0.0"
        every = "::" if ":" in address else "0.0.0.0"
        if not {address, every} & set(held.get((number, protocol), ())):
            yield host_ip, number, protocol


# --- taken ports ----------------------------------------------------------------------------


def _sockets(numbers: set[tuple[int, str]]) -> Iterator[_Socket]:
    """Yield the bound sockets of the given (number, protocol) pairs, from /proc/net."""
    for protocol in sorted({protocol for _, protocol in numbers}):
        state = {"tcp": TCP_LISTEN, "udp": UDP_BOUND}.get(protocol)
        if state is None:
            continue  # SCTP: the kernel has no such table, and Docker has no proxy for it
        for table in (protocol, f"{protocol}6"):
            try:
                rows = Path("/proc/net", table).read_text("utf-8").splitlines()[1:]
            except OSError:
                continue
            for row in rows:
                _, local, _, row_state, _, _, _, uid, _, inode, *_ = row.split()
                address, _, port = local.rpartition(":")
                number = int(port, 16)
                if row_state == state and (number, protocol) in numbers:
                    yield _Socket(kernel_address(address), number, protocol, int(uid), int(inode))


def kernel_address(text: str) -> str:
    """Convert an address of /proc/net: words of 32 bits in the machine's byte order."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _blocks(listener: _Socket, host_ip: str, number: int, protocol: str) -> bool:
    """Tell whether a bound socket prevents the engine from binding ``host_ip:number``."""
    if (listener.port, listener.protocol) != (number, protocol):
        return False
    return any(_meets(listener, address) for address in bound_addresses(host_ip))


def _leaves_ipv4(listener: _Socket, wanted: Iterable[tuple[str, int, str]]) -> bool:
    """Tell whether a socket on "::" blocks none of the wanted IPv4 addresses."""
    return listener.host_ip == "::" and not any(
        _blocks(listener, host_ip or "0.0.0.0", number, protocol)
        for host_ip, number, protocol in wanted
        if ":" not in host_ip
    )


def _meets(listener: _Socket, wanted: str) -> bool:
    try:
        ours, theirs = ipaddress.ip_address(wanted), ipaddress.ip_address(listener.host_ip)
    except ValueError:
        return False
    if ours.version == theirs.version:
        return ours == theirs or ours.is_unspecified or theirs.is_unspecified
    # A socket on "::" accepts IPv4 too, unless it is IPv6-only, which the tables don't show.
    return (
        ours.version == 4
        and theirs.is_unspecified
        and _refused(wanted, listener.port, listener.protocol)
    )


def _refused(host_ip: str, number: int, protocol: str) -> bool:
    """Tell whether binding fails because the port is in use; the probe never listens."""
    family = socket.AF_INET6 if ":" in host_ip else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if protocol == "tcp":  # lingering connections (TIME_WAIT) do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host_ip, number))
        except PermissionError:
            return True  # a port below 1024 that we may not bind: trust the tables
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


# --- owners of sockets ----------------------------------------------------------------------


def _owners(taken: Iterable[_Socket]) -> Iterator[PortHolder]:
    """Yield the process behind each socket, found by the socket's inode."""
    sockets = {one.inode: one for one in taken}
    left = dict(sockets)
    for inode, pid in _processes_of(set(sockets)):
        left.pop(inode, None)
        listener = sockets[inode]
        yield listener.holder(_described(pid))
    for listener in left.values():
        yield listener.holder(PortHolder("", 0, "", user=folder.user(listener.uid)))


def _processes_of(inodes: set[int]) -> Iterator[tuple[int, int]]:
    """Yield (inode, pid) for the sockets that visible processes have open. A socket that parent and
    children share is attributed to the parent: the process with the lowest pid."""
    left = {f"socket:[{inode}]": inode for inode in inodes}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            except OSError:
                continue
            if target in left:
                yield left.pop(target), pid
        if not left:
            return


def _described(pid: int) -> PortHolder:
    """Describe a process by its name, its user, and the container it runs in."""
    import psutil

    name = user = ""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        name = process.name()
        user = process.username()
    return PortHolder("", 0, "", pid=pid, name=name, user=user, container=_container_of(pid))


def _container_of(pid: int) -> str:
    try:
        cgroups = Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")
    except OSError:
        return ""
    match = CONTAINER_ID.search(cgroups)
    return match[1] if match else ""


def _by_binding(ports: Iterable[tuple[str, int, str]]) -> Iterator[PortHolder]:
    """Without the kernel's tables: a port that can't be bound is taken; psutil may know the
    holder."""
    for host_ip, number, protocol in ports:
        for address in bound_addresses(host_ip):
            if protocol in ("tcp", "udp") and _refused(address, number, protocol):
                yield _by_psutil(address, number, protocol)


def _by_psutil(host_ip: str, number: int, protocol: str) -> PortHolder:
    import psutil

    nobody = PortHolder(host_ip, number, protocol)
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(protocol):
            bound = connection.laddr and connection.laddr.port == number
            if (
                bound
                and connection.pid
                and (protocol == "udp" or connection.status == psutil.CONN_LISTEN)
            ):
                owner = _described(connection.pid)
                return replace(owner, host_ip=host_ip, port=number, protocol=protocol)
    return nobody


# --- folders --------------------------------------------------------------------------------


def real_paths(
    model: Model, containers: Iterable[Container], *, local: bool = True
) -> Mapping[str, str | None]:
    """Return the real paths of the model's folder and files, of those that the labels of the
    project's containers name, and of the folders of other projects; None for a missing path. A
    working folder of the same checkout counts as the model's folder. On an engine that other hosts
    use too (not ``local``), missing paths may be theirs and are left out."""
    containers = tuple(containers)
    ours = [one for one in containers if one.project == model.project]
    files = {*map(str, model.files), *(file for one in ours for file in one.config_files)}
    folders = {str(model.directory), *(one.working_dir for one in containers if one.working_dir)}
    paths = {
        path: file_systems.realpath(path) if file_systems.exists(path) else None
        for path in sorted(files | folders)
        if local or file_systems.exists(path)
    }
    mine = os.path.realpath(model.directory)
    for place in folders:
        real = paths.get(place)
        if real and same_checkout(Path(real), Path(mine)):
            paths[place] = mine
    return paths
