"""Who reaches whom over the stack's networks: those that have business there, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

MODEL = yaml.safe_load(
    (Path(__file__).parents[3] / "compose" / "compose.yaml").read_text(encoding="utf-8")
)
SERVICES = MODEL["services"]
JOB = {"spark-worker", "spark-processor"}


def on(network: str) -> set[str]:
    """The services on a network."""
    return {name for name, one in SERVICES.items() if network in one.get("networks", ["default"])}


def reaching(service: str) -> set[str]:
    """The services that share a network with one."""
    shared = [on(network) for network in ("default", *MODEL["networks"])]
    return set().union(*(names for names in shared if service in names)) - {service}


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ("postgres", {"migrate", "airflow", "rescore", "dashboard", *JOB}),
        ("kafka", {"airflow", "rescore", "spark-master", *JOB}),
        ("spark-master", {"airflow", "rescore", "kafka", *JOB}),
        ("feed", {"airflow", "dashboard", "spark-worker"}),
    ],
)
def test_a_service_is_reached_by_those_that_have_business_with_it(
    service: str, wanted: set[str]
) -> None:
    assert reaching(service) == wanted


def test_who_asks_the_database_is_on_its_network() -> None:
    asking = {name for name, one in SERVICES.items() if "postgres" in one.get("depends_on", {})}
    assert asking | {"spark-worker"} == on("database") - {"postgres"}


def test_every_published_port_is_this_machines_alone() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert len(ports) == 7
    for port in ports:
        host = port["host_ip"] if isinstance(port, dict) else port.partition(":")[0]
        assert host == "127.0.0.1", port
