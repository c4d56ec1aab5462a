"""Ports: which meet, who holds them, and what of ours wants the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    Action,
    Binding,
    Blocker,
    Consent,
    Container,
    Dependency,
    ExitCode,
    Port,
    PortHolder,
    Service,
    World,
)
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.conflicts.ports import meet, port_text
from tests.unit.plan.conflicts.finding import in_the_way
from tests.unit.worlds import container, model, service, world


def publishing(name: str, *ports: Port, **changes: Any) -> Service:
    return service(name, ports=ports, **changes)


def port(number: int, host_ip: str = "127.0.0.1", protocol: str = "tcp", last: int = 0) -> Port:
    return Port(80, (number, last or number), host_ip, protocol)


def foreign(*bindings: Binding, **changes: Any) -> Container:
    fields: dict[str, Any] = {"id": "foreign", "name": "other", "image": "nginx", "image_id": "i"}
    return Container(**{**fields, "state": "running", "bindings": bindings, **changes})


def bound(number: int, host_ip: str = "127.0.0.1", protocol: str = "tcp") -> Binding:
    return Binding(host_ip, number, 80, protocol)


def found(of: World, *names: str, force: bool = False) -> Findings:
    return in_the_way(of, *names, force=force)


def blockers(of: World, *names: str) -> list[Blocker]:
    return list(found(of, *names).blockers)


WEB = publishing("web", port(8080))


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("", "", True),
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("", "::", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "::", False),
        ("0.0.0.0", "::1", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::", "::1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_addresses_meet(one: str, other: str, together: bool) -> None:
    assert meet(one, other) is together
    assert meet(other, one) is together


def test_a_port_is_written_as_people_write_it() -> None:
    assert port_text("", 80, "tcp") == "80/tcp"
    assert port_text("127.0.0.1", "80-90", "udp") == "127.0.0.1:80-90/udp"
    assert port_text("::1", 80, "tcp") == "[::1]:80/tcp"


# --- held by containers ---------------------------------------------------------------------


def test_a_port_of_a_foreign_container_blocks_and_names_its_project() -> None:
    labels = {
        "com.docker.compose.project": "bakery",
        "com.docker.compose.service": "front",
        "com.docker.compose.config-hash": "abc",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.project.working_dir": "/srv/bakery",
    }
    [blocker] = blockers(world(model(WEB), [foreign(bound(8080), labels=labels)]))
    assert blocker.code is ExitCode.CONFLICT
    assert (blocker.kind, blocker.target) == ("port", "127.0.0.1:8080/tcp")
    assert "other holds port 127.0.0.1:8080/tcp, which service web publishes" in blocker.message
    assert "Compose project bakery in /srv/bakery" in blocker.message
    assert "`docker stop other`" in blocker.hint
    # As with a second worktree whose project has its folder's name.
    assert "`inv up --instance shop` starts this one beside it" in blocker.hint
    [blocker] = blockers(world(model(WEB), [foreign(bound(8080))]))
    assert "--instance" not in blocker.hint


def test_with_force_the_holder_is_removed() -> None:
    got = found(world(model(WEB), [foreign(bound(8080))]), force=True)
    assert [(s.action, s.consent) for s in got.steps] == [(Action.REMOVE_CONTAINER, Consent.FORCE)]


@pytest.mark.parametrize(
    "binding",
    [
        bound(8081),
        bound(8080, protocol="udp"),
        bound(8080, "127.0.0.2"),
        bound(8080, "::1"),
        bound(8080, "::"),
    ],
)
def test_another_number_protocol_or_address_is_no_conflict(binding: Binding) -> None:
    assert found(world(model(WEB), [foreign(binding)])) == Findings()


def test_name_and_port_of_one_container_make_one_step() -> None:
    web = publishing("web", port(8080), container_names=("other",))
    [step] = found(world(model(web), [foreign(bound(8080))]), force=True).steps
    assert "holds the name other" in step.reason
    assert "holds port 127.0.0.1:8080/tcp" in step.reason


def test_our_own_container_holds_its_port_rightly() -> None:
    here = world(model(WEB), [container("web", bindings=(bound(8080),))])
    assert found(here) == Findings()


def test_a_container_of_ours_that_is_recreated_lets_go_of_its_port() -> None:
    db = publishing("db", config_hash="new")
    here = world(model(WEB, db), [container("db", bindings=(bound(8080),))])
    assert found(here) == Findings()


def test_one_of_ours_that_is_not_part_of_the_start_does_not_let_go() -> None:
    db = publishing("db", config_hash="new")
    here = world(model(WEB, db), [container("db", bindings=(bound(8080),))])
    [blocker] = blockers(here, "web")
    assert "start db as well" in blocker.hint


def test_an_ephemeral_port_of_ours_that_stays_is_in_the_way() -> None:
    db = publishing("db", Port(80, None, "", "tcp"))
    here = world(model(WEB, db), [container("db", bindings=(bound(8080, "0.0.0.0"),))])
    [blocker] = blockers(here)
    assert "shop-db-1 of service db holds port" in blocker.message


def test_an_orphan_of_ours_that_holds_the_port_goes_with_consent() -> None:
    here = world(model(WEB), [container("old", bindings=(bound(8080),))])
    [step] = found(here).steps
    assert step.consent is Consent.YES


def test_a_stopped_container_holds_no_port() -> None:
    assert found(world(model(WEB), [foreign(state="exited")])) == Findings()


@pytest.mark.parametrize(
    "web",
    [
        publishing("web", Port(80, None, "127.0.0.1", "tcp")),
        publishing("web", port(8080), config={"network_mode": "host"}),
        publishing("web", port(8080), container_names=()),
    ],
)
def test_what_publishes_no_number_of_its_own_has_no_conflict(web: Service) -> None:
    assert found(world(model(web), [foreign(bound(8080))])) == Findings()


# --- held by processes ----------------------------------------------------------------------


def test_a_process_is_named_with_pid_and_user() -> None:
    holder = PortHolder("127.0.0.1", 8080, "tcp", 812, "nginx", "www-data")
    [blocker] = blockers(world(model(WEB), ports=(holder,)))
    assert blocker.code is ExitCode.CONFLICT
    assert "process nginx (pid 812, user www-data), on 127.0.0.1:8080/tcp" in blocker.message
    assert "`kill 812`" in blocker.hint


def test_force_ends_no_process() -> None:
    holder = PortHolder("127.0.0.1", 8080, "tcp", 812, "nginx", "www-data")
    assert len(found(world(model(WEB), ports=(holder,)), force=True).blockers) == 1


def test_a_process_that_is_not_visible_is_said_to_be() -> None:
    holder = PortHolder("0.0.0.0", 8080, "tcp", user="root")
    [blocker] = blockers(world(model(WEB), ports=(holder,)))
    assert "a process of user root that is not visible to you" in blocker.message


def test_a_process_on_both_families_is_said_once() -> None:
    everywhere = publishing("web", port(8080, ""))
    four, six = (PortHolder(a, 8080, "tcp", 812, "nginx", "x") for a in ("0.0.0.0", "::"))
    assert len(blockers(world(model(everywhere), ports=(four, six)))) == 1


@pytest.mark.parametrize("ipv6_only", [True, False])
def test_a_process_on_every_ipv6_address_may_leave_ipv4_to_others(ipv6_only: bool) -> None:
    both = publishing("web", port(8080), port(8080, "::1"))
    holder = PortHolder("::", 8080, "tcp", 812, "nginx", "x", ipv6_only=ipv6_only)
    results = [blocker.target for blocker in blockers(world(model(both), ports=(holder,)))]
    four, six = "127.0.0.1:8080/tcp", "[::1]:8080/tcp"
    assert results == ([six] if ipv6_only else [four, six])


def test_the_engines_proxy_is_explained_by_its_container() -> None:
    proxy = PortHolder("127.0.0.1", 8080, "tcp", 99, "docker-proxy", "root")
    ours = container("web", bindings=(bound(8080),))
    assert found(world(model(WEB), [ours], ports=(proxy,))) == Findings()


def test_a_process_inside_a_container_is_that_container() -> None:
    inside = PortHolder("0.0.0.0", 8080, "tcp", 99, "nginx", "root", container="foreign")
    got = found(world(model(WEB), [foreign()], ports=(inside,)), force=True)
    assert [step.target for step in got.steps] == ["other"]
    assert got.blockers == ()


# --- ranges ---------------------------------------------------------------------------------


def test_a_range_is_content_with_a_free_port() -> None:
    web = publishing("web", port(8080, last=8081))
    assert found(world(model(web), [foreign(bound(8080))])) == Findings()


def test_a_full_range_says_who_has_each_port() -> None:
    web = publishing("web", port(8080, last=8081))
    process = PortHolder("127.0.0.1", 8081, "tcp", 812, "nginx", "www-data")
    [blocker] = blockers(world(model(web), [foreign(bound(8080))], ports=(process,)))
    assert "none of them are free" in blocker.message.replace("is free", "are free")
    assert "8080 by container other" in blocker.message
    assert "8081 by process nginx" in blocker.message


# --- ours against ours ----------------------------------------------------------------------


def test_two_services_that_publish_one_port() -> None:
    here = world(model(WEB, publishing("api", port(8080, ""))))
    [blocker] = blockers(here)
    assert blocker.code is ExitCode.CONFLICT
    assert "both publish port" in blocker.message
    assert {"web", "api"} <= set(blocker.message.replace(",", "").split())


def test_a_job_that_is_waited_for_may_leave_its_port_to_another() -> None:
    waits = [Dependency("seed", "service_completed_successfully")]
    seed, wide = publishing("seed", port(8080)), publishing("wide", port(8080, last=8080))
    assert blockers(world(model(seed, replace(WEB, depends_on=tuple(waits))))) == []
    narrow = publishing("narrow", port(8080, last=8081), depends_on=waits)
    both = replace(narrow, container_names=("shop-narrow-1", "shop-narrow-2"))
    assert blockers(world(model(seed, both))) == []
    [blocker] = blockers(world(model(seed, replace(WEB, depends_on=tuple(waits)), wide)))
    assert "web and wide both publish port" in blocker.message


def test_they_do_not_matter_where_only_one_is_started() -> None:
    assert blockers(world(model(WEB, publishing("api", port(8080)))), "web") == []


def test_replicas_that_want_one_port() -> None:
    web = replace(WEB, container_names=("shop-web-1", "shop-web-2"))
    [blocker] = blockers(world(model(web)))
    assert "the 2 replicas of service web all want port 127.0.0.1:8080/tcp" in blocker.message


def test_a_range_too_narrow_for_all_that_share_it() -> None:
    a = publishing("a", port(8080, last=8081), container_names=("a-1", "a-2"))
    b = publishing("b", port(8080, last=8081))
    [blocker] = blockers(world(model(a, b)))
    assert "leave too few" in blocker.message


def test_a_distribution_is_found_where_there_is_one() -> None:
    wide, narrow = publishing("a", port(8080, last=8082)), publishing("b", port(8080, last=8081))
    fixed = publishing("c", port(8080))
    assert blockers(world(model(wide, narrow, fixed))) == []


def test_a_range_that_may_take_anothers_port_is_pointed_out() -> None:
    here = world(model(publishing("a", port(8080, last=8082)), publishing("b", port(8081))))
    [warning] = found(here).warnings
    assert "whichever service starts first" in warning


def test_many_of_them_are_one_line() -> None:
    fixed = [publishing(f"b{number}", port(8000 + number)) for number in range(9)]
    here = world(model(publishing("a", port(8000, last=8099)), *fixed))
    [warning] = found(here).warnings
    assert all(f"{8000 + number}/tcp of b{number}" in warning for number in range(9))
