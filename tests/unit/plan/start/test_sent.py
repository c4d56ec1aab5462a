"""What an engine on another host mounts from a volume, and what is sent to that."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import SENT, Ended, Engine, Mount, Run, Send, Sent, World
from composetasks.plan.start.jobs import due
from composetasks.plan.start.sent import mounted, override, replaceable, send_steps
from tests.unit.worlds import container, model, service

CONFIG = {
    "volumes": [
        {"type": "bind", "source": "/srv/shop/code", "target": "/code", "read_only": True},
        {"type": "bind", "source": "/srv/shop/data", "target": "/data"},
        {"type": "volume", "source": "db", "target": "/db"},
    ],
    "secrets": [{"source": "token"}, {"source": "other", "target": "/other"}],
    "configs": [{"source": "page", "target": "/page"}],
}
FILES = {"secrets": {"token": "/srv/shop/token"}, "configs": {"page": "/srv/shop/page"}}


def mount(target: str, subpath: str, *, read_only: bool) -> dict[str, object]:
    volume = {"subpath": subpath, "nocopy": True}
    return {
        "type": "volume",
        "source": SENT,
        "target": target,
        "read_only": read_only,
        "volume": volume,
    }


def test_what_is_sent_is_mounted_from_the_volume_and_the_rest_is_as_it_was() -> None:
    result = override(
        model(service("web", config=CONFIG), service("free")),
        {"/srv/shop/code": "k1", "/srv/shop/token": "k2/token", "/srv/shop/page": "k3/page"},
        {"/srv/shop/token": "d2", "/srv/shop/page": "d3"},
        FILES,
    )

    assert list(result["services"]) == ["web"]
    web = result["services"]["web"]
    assert web["volumes"] == [
        mount("/code", "k1", read_only=True),
        mount("/run/secrets/token", "k2/token", read_only=True),
        mount("/page", "k3/page", read_only=True),
    ]
    assert (web["secrets"], web["configs"]) == ([{"source": "other", "target": "/other"}], [])
    assert web["labels"] == {
        "composetasks.sent./run/secrets/token": "d2",
        "composetasks.sent./page": "d3",
    }
    assert result["volumes"] == {SENT: {}}


def test_nothing_sent_is_no_override() -> None:
    assert override(model(service("web", config=CONFIG)), {}, {}, FILES) == {}


def steps(sent: Sent) -> list[tuple[Send, str, list[tuple[str | None, str | None, str | None]]]]:
    world = World(model(service("web"), service("free")), Engine(), remote="ssh://far")
    result = send_steps(replace(world, sent={"/srv/shop/code": sent}), ("web",))
    evidence = [
        (one.operation, one.reason, [(e.path, e.change, e.detail) for e in one.because])
        for one in result
    ]
    return [(op, reason, because) for op, reason, because in evidence if isinstance(op, Send)]


def test_a_step_names_what_changed() -> None:
    here = {"a": "f 644 new", "b": "f 644 same", "c": "f 644 more", "d": "d 755"}
    there = {"a": "f 644 old", "b": "f 644 same", "gone": "l x"}
    sent = Sent("k", "/srv/shop/code", ("web",), here, there, {"a": 1200, "c": 300})

    assert steps(sent) == [
        (
            Send(("a", "c", "d"), ("gone",)),
            "changed since it was sent to ssh://far: 2 files (1.5 kB), 1 removed",
            [
                ("a", "modified", "1.2 kB"),
                ("c", "added", "300 B"),
                ("d", "added", None),
                ("gone", "removed", None),
            ],
        )
    ]


def test_nothing_is_sent_where_nothing_changed_and_for_services_that_are_not_started() -> None:
    same = {"a": "f 644 same"}
    assert steps(Sent("k", "/srv/shop/code", ("web",), same, same)) == []
    assert steps(Sent("k", "/srv/shop/code", ("free",), same, {})) == []


def test_devices_and_named_volumes_are_nothing_that_is_replaced() -> None:
    binds = (Mount("bind", "/srv/shop/code", "/code"), Mount("volume", "db", "/db"))
    web = service("web", mounts=binds, needs=("/dev/kvm", "/srv/shop/token"))
    files = {"/srv/shop/code", "/srv/shop/token", "/srv/shop/page"}
    assert replaceable(model(web, content_files=FILES)) == files


def test_a_job_is_due_again_when_what_is_sent_for_it_changes() -> None:
    def reasons(here: dict[str, str]) -> list[str | None]:
        now = mounted({"/srv/shop/sql": Sent("k", "/srv/shop/sql", ("job",), here)})
        world = World(of, Engine(), mounted=now, ended={"id-job-1": end}, runs={"id-job-1": run})
        return [one.name for one in due(world, job, done, ())]

    job = service("job")
    of, run = model(job), Run("1", "2")
    done = container("job", state="exited", exit_code=0)
    before = mounted({"/srv/shop/sql": Sent("k", "/srv/shop/sql", ("job",), {"V1": "f 644 a"})})
    end = Ended("id-job-1", run.started, by_itself=True, mounted=before["job"])
    assert reasons({"V1": "f 644 a"}) == []
    assert reasons({"V1": "f 644 a", "V2": "f 644 b"}) == ["./sql"]
