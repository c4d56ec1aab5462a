"""Ports in the way of a start: of containers, of processes, on every kind of address."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from composetasks.facts import Consent, ExitCode
from composetasks.observe.conflicts.host import port_holders
from tests.engine.planned import Planned, codes
from tests.engine.stacks import free_port, wait_until

pytestmark = pytest.mark.engine


@contextlib.contextmanager
def listening(address: str, port: int, *, udp: bool = False, both: bool = False) -> Iterator[None]:
    """A socket of this process that holds a port; ``both`` for IPv4 beside IPv6."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as held:
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
        held.bind((address, port))
        if not udp:
            held.listen()
        yield


def publishing(planned: Planned, *ports: str, **more: object) -> Planned:
    planned.write({"web": {"ports": list(ports), **more}})
    return planned


# --- processes ------------------------------------------------------------------------------


def test_a_process_is_named_by_name_pid_and_user(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}:80")
    assert planned.plan().blockers == ()
    with listening("127.0.0.1", port):
        [blocker] = planned.plan().blockers
        assert blocker.code is ExitCode.CONFLICT
        assert f"(pid {os.getpid()}, user root)" in blocker.message
        assert f"port 127.0.0.1:{port}/tcp, which service web publishes" in blocker.message
        assert codes(planned.plan(force=True)) == [ExitCode.CONFLICT]
        ran = planned.inv("up")
        assert ran.code == ExitCode.CONFLICT
        assert f"kill {os.getpid()}" in ran.err
    assert planned.plan().blockers == ()


@pytest.mark.parametrize(
    ("published", "address", "both", "meets"),
    [
        ("{port}:80", "127.0.0.1", False, True),
        ("{port}:80", "::1", False, True),
        ("0.0.0.0:{port}:80", "::", True, True),
        ("0.0.0.0:{port}:80", "::", False, False),
        ("127.0.0.1:{port}:80", "127.0.0.2", False, False),
        ("127.0.0.1:{port}:80", "::1", False, False),
        ("[::1]:{port}:80", "::1", False, True),
        ("[::1]:{port}:80", "127.0.0.1", False, False),
    ],
)
def test_addresses_as_the_kernel_sees_them(
    planned: Planned, published: str, address: str, both: bool, meets: bool
) -> None:
    """What is foreseen is what the engine then does."""
    port = free_port()
    publishing(planned, published.format(port=port))
    with listening(address, port, both=both):
        assert bool(planned.plan().blockers) is meets
        said = planned.by_compose("up", "-d", check=False)
        failed = "address already in use" in said or "port is already allocated" in said
        assert failed is meets, said


def test_who_listens_on_ipv6_alone_holds_no_port_of_ipv4(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}:80", f"[::1]:{port}:80")
    with listening("::", port):
        assert [one.target for one in planned.plan().blockers] == [f"[::1]:{port}/tcp"]
    with listening("::", port, both=True):
        assert len(planned.plan().blockers) == 2


def test_udp_and_tcp_are_told_apart(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}:53/udp")
    with listening("127.0.0.1", port):
        assert planned.plan().blockers == ()
    with listening("127.0.0.1", port, udp=True):
        assert codes(planned.plan()) == [ExitCode.CONFLICT]


def test_an_ephemeral_port_never_conflicts(planned: Planned) -> None:
    publishing(planned, "127.0.0.1::80")
    planned.up()
    assert planned.plan().steps == ()


def test_a_range_needs_one_free_port(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}-{port}:80")
    with listening("127.0.0.1", port):
        assert codes(planned.plan()) == [ExitCode.CONFLICT]
    publishing(planned, "127.0.0.1:18441-18442:80")
    with listening("127.0.0.1", 18441):
        assert planned.plan().blockers == ()
        with listening("127.0.0.1", 18442):
            [blocker] = planned.plan().blockers
            assert "18441 by process" in blocker.message
            assert "18442 by process" in blocker.message
        planned.up()
    assert planned.plan().steps == ()


def test_a_process_of_another_user_is_said_not_to_be_visible() -> None:
    """Asked by somebody who may not look into our processes."""
    port = free_port()
    scripts = Path(__file__).parents[2] / "scripts"
    ask = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "from composetasks.observe.conflicts.host import port_holders;"
        f"[one] = port_holders([('127.0.0.1', {port}, 'tcp')]);"
        "print(one.pid, one.name, one.user)"
    )
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    with listening("127.0.0.1", port):
        done = subprocess.run(
            [sys.executable, "-c", f"import composetasks.observe.conflicts.host, psutil; {ask}"],
            env={**os.environ, "PYTHONPATH": str(scripts)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.split() == ["None", "root"], done.stderr


def test_where_nothing_is_taken_nothing_else_is_read() -> None:
    program = (
        "import sys; from composetasks.observe.conflicts.host import port_holders;"
        f"assert port_holders([('', {free_port()}, 'tcp'), ('', {free_port()}, 'udp')]) == ();"
        "assert 'psutil' not in sys.modules"
    )
    scripts = str(Path(__file__).parents[2] / "scripts")
    environment = {**os.environ, "PYTHONPATH": scripts}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


# --- containers -----------------------------------------------------------------------------


def test_a_container_by_hand_is_refused_and_removed_with_force(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}:80")
    name = f"{planned.name}-foreign"
    planned.by_hand(name, "-p", f"{port}:80")
    [blocker] = planned.plan().blockers
    assert f"container {name} holds port 127.0.0.1:{port}/tcp" in blocker.message
    assert f"`docker stop {name}`" in blocker.hint
    forced = planned.plan(force=True)
    assert [step.consent for step in forced.steps] == [Consent.FORCE, Consent.NONE]
    planned.do(forced)
    assert planned.plan().steps == ()


def test_another_projects_container_is_named_with_its_project(
    planned: Planned, tmp_path: Path
) -> None:
    port = free_port()
    other = Planned(tmp_path / "other", planned.client, f"{planned.name}-other")
    publishing(other, f"{port}:80").up()
    publishing(planned, f"127.0.0.1:{port}:80")
    [blocker] = planned.plan().blockers
    assert f"Compose project {other.name} in {other.folder}, service web" in blocker.message


def test_a_process_in_a_container_on_the_hosts_network_is_that_container(
    planned: Planned,
) -> None:
    port = free_port()
    publishing(planned, f"127.0.0.1:{port}:80")
    name = f"{planned.name}-host"
    serve = ["httpd", "-f", "-p", f"127.0.0.1:{port}"]
    planned.by_hand(name, "--network", "host", command=serve)
    wait_until(lambda: bool(port_holders([("127.0.0.1", port, "tcp")])))
    [holder] = port_holders([("127.0.0.1", port, "tcp")])
    assert (holder.name, holder.container) == (
        "httpd",
        planned.client.inspect_container(name)["Id"],
    )
    [blocker] = planned.plan().blockers
    assert f"container {name} holds port" in blocker.message


def test_our_own_ports_never_conflict_with_ourselves(planned: Planned) -> None:
    first, second = free_port(), free_port()
    planned.write({"a": {"ports": [f"{first}:80"]}, "b": {"ports": [f"127.0.0.1:{second}:80"]}})
    planned.up()
    assert planned.plan().steps == ()
    # Recreated with the same port, and a port that moves from one service to the other.
    planned.write({"a": {"ports": [f"{first}:80"], "environment": {"A": "1"}}, "b": {}})
    planned.up()
    planned.write({"a": {"ports": [f"{second}:80"]}, "b": {"ports": [f"{first}:80"]}})
    plan = planned.plan()
    assert plan.blockers == ()
    planned.do(plan)
    assert planned.plan().steps == ()


def test_a_job_and_the_service_that_waits_for_it_may_publish_one_port(planned: Planned) -> None:
    """As where both have the same YAML anchor: plain Compose starts them."""
    ports = {"ports": [f"127.0.0.1:{free_port()}:80"]}
    waits = {"depends_on": {"seed": {"condition": "service_completed_successfully"}}}
    planned.write({"seed": {**ports, "command": ["true"]}, "web": {**ports, **waits}})
    planned.up()
    assert planned.plan().steps == ()


def test_replicas_share_a_range(planned: Planned) -> None:
    publishing(planned, "127.0.0.1:18451-18452:80", scale=2)
    planned.up()
    assert planned.plan().steps == ()
    publishing(planned, "127.0.0.1:18451-18452:80", scale=3)
    [blocker] = planned.plan().blockers
    assert blocker.kind == "own-port"


def test_a_port_on_every_address_is_shown_once(planned: Planned) -> None:
    port = free_port()
    publishing(planned, f"{port}:80")
    planned.up()
    [service] = planned.inv("status", "--json").document["services"]
    assert service["ports"] == [f"0.0.0.0:{port}->80/tcp"]
