"""The host: which ports are asked about, how the kernel's tables are read, where folders are."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Binding
from composetasks.observe.conflicts import host
from composetasks.observe.engine.local import is_here
from tests.unit.worlds import container, model, service

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def bound(number: int, host_ip: str, protocol: str = "tcp") -> Binding:
    return Binding(host_ip, number, 80, protocol)


def test_only_ports_that_no_container_holds_are_asked_about() -> None:
    asked = [
        *(("", 8080, "tcp"), ("127.0.0.1", 5432, "tcp"), ("127.0.0.1", 6000, "tcp")),
        *(("::1", 7000, "tcp"), ("127.0.0.1", 53, "udp")),
    ]
    everywhere = container("web", bindings=(bound(8080, "0.0.0.0"), bound(8080, "::")))
    others = container("db", bindings=(bound(6000, "127.0.0.2"), bound(7000, "::")))
    tcp = container("dns", bindings=(bound(53, "127.0.0.1"),))
    assert list(host.unheld(asked, [everywhere, others, tcp])) == [asked[1], asked[2], asked[4]]


@pytest.mark.skipif(sys.byteorder != "little", reason="these rows are of such a machine")
@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000001000000", "::1"),
        ("00000000000000000000000000000000", "::"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
    ],
)
def test_addresses_of_the_kernels_tables(written: str, address: str) -> None:
    assert host.kernel_address(written) == address


@linux
def test_who_listens_is_found_with_name_pid_and_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        [holder] = host.port_holders([("", port, "tcp")])
        assert (holder.host_ip, holder.port, holder.pid) == ("127.0.0.1", port, os.getpid())
        assert holder.name
        assert holder.user
        assert host.port_holders([("127.0.0.2", port, "tcp"), ("", port, "udp")]) == ()


@linux
def test_a_connection_holds_no_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        caller = socket.create_connection(held.getsockname())
        with caller, held.accept()[0]:
            assert host.port_holders([("", caller.getsockname()[1], "tcp")]) == ()


@pytest.mark.parametrize(
    "line",
    [
        "12:memory:/docker/{id}",
        "0::/docker/{id}",
        "0::/system.slice/docker-{id}.scope",
        "1:name=systemd:/docker/{id}/init.scope",
    ],
)
def test_a_processs_container_is_told_by_its_cgroup(line: str) -> None:
    key = "0123456789abcdef" * 4
    result = host.CONTAINER_ID.search(f"3:cpu:/\n{line.format(id=key)}\n")
    assert result is not None
    assert result[1] == key


def labelled(folder: Path, **more: Any) -> Any:
    labels = {
        "com.docker.compose.project.working_dir": str(folder),
        "com.docker.compose.project.config_files": f"{folder / 'compose.yaml'},{folder / 'x.yaml'}",
    }
    return container("db", labels=labels, **more)


def test_paths_are_real_and_what_is_gone_is_none(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "compose.yaml").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    link = tmp_path / "link"
    here = model(service("db"), directory=link, files=(link / "compose.yaml",))
    gone = labelled(tmp_path / "gone")
    assert host.real_paths(here, [labelled(link), gone]) == {
        str(link): str(tmp_path / "real"),
        str(link / "compose.yaml"): str(tmp_path / "real" / "compose.yaml"),
        str(link / "x.yaml"): None,
        str(tmp_path / "gone"): None,
        str(tmp_path / "gone" / "compose.yaml"): None,
        str(tmp_path / "gone" / "x.yaml"): None,
    }


def test_on_an_engine_elsewhere_nobodys_folder_is_taken_for_gone(tmp_path: Path) -> None:
    here = model(service("db"), directory=tmp_path, files=())
    result = host.real_paths(here, [labelled(tmp_path / "gone")], local=False)
    assert result == {str(tmp_path): str(tmp_path)}
    assert is_here("http+docker://localhost")
    assert not is_here("http+docker://ssh")
