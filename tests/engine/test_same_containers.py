"""What `inv` has Compose make is what plain `docker compose up -d` makes: every field of every
container, network and volume, over a model of many features."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.stacks import compose, docker, free_prefixes, own_project
from tests.project import Project

MODEL = """
x-common: &common
  image: ct-test/busybox
  init: true
  command: [sleep, "1000"]
  stop_grace_period: 1s
services:
  db:
    <<: *common
    healthcheck: {test: ["CMD", "true"], interval: 1s, start_period: 2s}
    volumes: [data:/data, /anonymous]
    networks: {back: {aliases: [database], ipv4_address: IP.7, mac_address: "02:42:ac:11:00:07"}}
    ulimits: {nofile: {soft: 100, hard: 200}, nproc: 50}
    sysctls: {net.core.somaxconn: 64}
    shm_size: 8m
    ipc: shareable
    secrets: [{source: password, target: pw, mode: 0o440}]
    configs: [{source: settings, target: /settings}]
  migrate:
    <<: *common
    command: ["true"]
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
  app:
    build: ./app
    command: [sleep, "1000"]
    init: true
    stop_grace_period: 1s
    stop_signal: SIGINT
    hostname: app-host
    domainname: example.org
    user: "0:0"
    working_dir: /tmp
    labels: {com.example.own: "yes"}
    label_file: ./labels
    annotations: {com.example.note: one}
    env_file: [{path: none.env, required: false}, {path: raw.env, format: raw}]
    environment: {VALUE: "a $$b"}
    extra_hosts: ["one.example:10.0.0.1"]
    dns: [10.0.0.2]
    dns_search: [example.org]
    dns_opt: [timeout:1]
    cap_drop: [NET_RAW]
    cap_add: [SYS_PTRACE]
    security_opt: [no-new-privileges:true]
    read_only: true
    tmpfs: [/run, "/var/tmp:size=1m"]
    logging: {driver: json-file, options: {max-size: 1m}}
    restart: unless-stopped
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 40
    oom_score_adj: 10
    group_add: ["7"]
    ports: ["127.0.0.1::80", "81/udp"]
    expose: ["82"]
    volumes:
      - ./bound:/bound:ro
      - {type: volume, source: data, target: /copied, volume: {nocopy: true}}
      - {type: bind, source: ./app, target: /source, bind: {create_host_path: false}}
    networks: {back: {priority: 10}, front: {gw_priority: 1}}
    depends_on:
      db: {condition: service_healthy, restart: true}
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started, required: false}
  cache:
    <<: *common
    networks: [front]
    volumes: [{type: tmpfs, target: /fast, tmpfs: {size: 1m, mode: 0o700}}]
  side: {<<: *common, network_mode: "service:app", pid: "service:app", ipc: "service:db"}
  heir: {<<: *common, scale: 2, volumes_from: ["db:ro"], network_mode: none}
  linked: {<<: *common, links: ["cache:speed"], networks: [front], container_name: PROJECT.linked}
  hooked:
    <<: *common
    networks: [front]
    depends_on: [app]
    post_start: [{command: ["true"]}]
    healthcheck: {disable: true}
  limited:
    <<: *common
    networks: [front]
    depends_on: {side: {condition: service_started}}
    configs: [{source: settings, target: /settings}]
    deploy: {resources: {limits: {memory: 32m, cpus: "0.25"}}, labels: {swarm: only}}
    privileged: false
    tty: true
    stdin_open: true
    uts: host
networks:
  back: {ipam: {config: [{subnet: IP.0/25}]}, labels: {com.example.net: back}, internal: true}
  front:
    ipam: {config: [{subnet: IP.128/25}]}
    driver_opts: {com.docker.network.bridge.enable_icc: "true"}
volumes:
  data: {labels: {com.example.volume: data}}
secrets:
  password: {environment: PASSWORD}
configs:
  settings: {content: "one $$two\\n"}
"""
DEPENDS_ON = "com.docker.compose.depends_on"
OF_THE_ENGINE = re.compile(r"\b[0-9a-f]{64}\b")
MOMENTS = {
    "Id", "Created", "CreatedAt", "StartedAt", "FinishedAt", "Pid", "State", "SandboxID",
    "SandboxKey", "EndpointID", "NetworkID", "Gateway", "IPAddress", "MacAddress", "LogPath",
    "HostnamePath", "HostsPath", "ResolvConfPath", "GraphDriver", "HostPort", "Storage", "ExecIDs",
}  # fmt: skip
"""What the engine chooses, or what changes while a container runs."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Project, Project]]:
    """The same project twice, below folders of their own."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "tasks").mkdir()
    with own_project(tmp_path / "plain") as plain, own_project(tmp_path / "tasks") as tasks:
        for project, prefix in zip((plain, tasks), free_prefixes(), strict=False):
            model = MODEL.replace("PROJECT", project.name)
            project.compose(model.replace("IP.", f"{prefix}."))
            project.write("app/Dockerfile", "FROM ct-test/busybox\nENV OWN=1\n")
            project.write("labels", "com.example.file=1\n")
            project.write("raw.env", "RAW='$quoted'\n")
            project.write("bound/file", "text")
            project.environment["PASSWORD"] = "s3cret"
        yield plain, tasks
        docker("rmi", "-f", f"{plain.name}-app", f"{tasks.name}-app", check=False)


def told(record: Any, project: Project) -> Any:
    """An inspect record without what the engine chose, and without the project's name."""
    if isinstance(record, dict):
        return {
            told(key, project): told(value, project)
            for key, value in record.items()
            if key not in MOMENTS
        }
    if isinstance(record, list):
        return [told(one, project) for one in record]
    if not isinstance(record, str):
        return record
    text = record.replace(str(project.folder), "FOLDER").replace(project.name, "PROJECT")
    text = re.sub(r"\b10\.2\d\d\.\d+", "IP", text)
    return OF_THE_ENGINE.sub("ID", text)


def things(project: Project) -> dict[str, Any]:
    """All that Compose made for a project, by kind and name."""
    results: dict[str, Any] = {}
    for kind, listing in (("container", ["-aq"]), ("network", ["-q"]), ("volume", ["-q"])):
        label = f"label=com.docker.compose.project={project.name}"
        names = docker(kind, "ls", *listing, "--filter", label).split()
        told_of = docker(kind, "inspect", "-f", "{{json .}}", *names) if names else ""
        for text in told_of.splitlines():
            record = json.loads(text)
            # The engine calls a container by the beginning of its id, too.
            short = record.get("Id", "")[:12] or "none"
            plain = told(json.loads(text.replace(short, "SHORT")), project)
            results[f"{kind} {plain['Name']}"] = plain
            plain.pop("Containers", None)
            if kind == "container":
                without_chance(plain)
    return results


def without_chance(container: dict[str, Any]) -> None:
    """Take what Compose or the engine put in any order or chooses at random out of a record."""
    labels, host = container["Config"]["Labels"], container["HostConfig"]
    for name in labels:
        if name.endswith((".config-hash", ".image")):  # of the project's name, too
            labels[name] = bool(labels[name])
    labels[DEPENDS_ON] = sorted(labels[DEPENDS_ON].split(","))
    container["Image"] = ""
    container["Config"]["Env"].sort()
    host["Ulimits"] = sorted(host["Ulimits"] or (), key=lambda one: str(one["Name"]))
    host["Binds"] = sorted(host["Binds"] or ())
    host["Mounts"] = sorted(host.get("Mounts") or (), key=lambda one: str(one["Target"]))
    container["Mounts"].sort(key=lambda one: str(one["Destination"]))
    for settings in container["NetworkSettings"]["Networks"].values():
        for field in ("Aliases", "DNSNames"):
            settings[field] = sorted(settings.get(field) or ())


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two values differ, path by path."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(one.get(key), other.get(key), f"{place}/{key}")
    elif one != other:
        yield f"{place}: {one!r} and with inv {other!r}"


def test_all_that_is_made_is_what_compose_makes(pair: tuple[Project, Project]) -> None:
    plain, tasks = pair
    for change in ("1s", "2s"):
        for project in pair:
            edit(project, "stop_grace_period: 1s", f"stop_grace_period: {change}")
        compose(plain, "up", "-d", "--build")
        ran = tasks.inv("up")
        assert ran.code == 0, ran.err
        assert "\n".join(differences(things(plain), things(tasks))) == ""
    # What Compose does not recreate by itself is told apart by nothing else.
    before = things(tasks)
    edit(tasks, "one $$two", "other $$two")
    ran = tasks.inv("up")
    assert ran.code == 0, ran.err
    assert "recreated" in ran.err
    assert "\n".join(differences(before, things(tasks))) == ""


def edit(project: Project, old: str, new: str) -> None:
    text = (project.folder / "compose.yaml").read_text()
    assert old in text
    project.write("compose.yaml", text.replace(old, new))
