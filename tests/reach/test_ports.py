"""What is published on an engine behind ssh answers on this machine."""

from __future__ import annotations

import signal
import socket
from urllib.request import urlopen

from tests.engine import busybox
from tests.engine.stacks import free_port, wait_until
from tests.project import Project
from tests.reach.ssh_host import SshHost

SERVE = '["sh", "-c", "echo hello >/index.html; exec httpd -f -p 80 -h /"]'
WEB = f"image: {busybox.TAG}, init: true, command: {SERVE}, stop_grace_period: 0s"


def page(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        return str(answer.read().decode())


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_a_published_port_answers_here_from_up_to_down(project: Project, host: SshHost) -> None:
    first, second = free_port(), free_port()
    entry = "{target: 80, published: %d, host_ip: 127.0.0.1, app_protocol: http}"
    project.compose(
        f"services:\n  web: {{{WEB}, ports: [{entry % first}]}}\n"
        f'  other: {{{WEB}, ports: ["{second}:80", "80"]}}\n'
    )
    with socket.create_server(("127.0.0.1", second)):
        planned = project.plan("up")
        started = project.inv("up")
        assert started.code == 0, started.err
        assert [name for action, name in planned if action == "forward-port"] == [
            "other:80",
            "web:80",
        ]
        assert f"{second} is taken on this machine" in started.err
        services = project.inv("status", "--json").document["services"]
        other, web = sorted(services, key=lambda one: str(one["name"]))
        elsewhere = [int(one.split("->")[0].split(":")[1]) for one in other["forwarded"]]

        assert page(first) == "hello\n"
        assert web["urls"] == [f"http://127.0.0.1:{first}"]
        assert web["forwarded"] == [f"127.0.0.1:{first}->127.0.0.1:{first}"]
        assert len(elsewhere) == 2
        assert second not in elsewhere
        assert [page(port) for port in elsewhere] == ["hello\n"] * 2
    assert f"http://127.0.0.1:{first} (on the engine's host" in project.inv("status").out
    assert f"http://127.0.0.1:{first}" in project.inv("open", "web", BROWSER="true").out
    assert "nothing to do" in project.inv("up").out
    assert len(host.clients()) == 2

    # The engine chooses another number for "80" with each start.
    again = project.inv("restart", "other")
    assert again.code == 0, again.err
    services = project.inv("status", "--json").document["services"]
    [other] = [one for one in services if one["name"] == "other"]
    ports = [int(one.split("->")[0].split(":")[1]) for one in other["forwarded"]]
    assert [page(port) for port in ports] == ["hello\n"] * 2

    ended = project.inv("down")

    assert ended.code == 0, ended.err
    assert not any(map(answers, [first, *elsewhere]))
    assert len(host.clients()) == 1


def test_forwards_that_ended_are_made_again_and_may_be_left_out(
    project: Project, host: SshHost
) -> None:
    port = free_port()
    project.compose(f'services:\n  web: {{{WEB}, ports: ["{port}:80"]}}\n')
    project.write("invoke.yaml", "stack: {remote: {forward: false}}\n")
    assert project.inv("up").code == 0
    assert not answers(port)

    project.write("invoke.yaml", "stack: {}\n")
    again = project.inv("up")
    assert (again.code, page(port)) == (0, "hello\n"), again.err
    for client in host.clients():
        client.kill()
    wait_until(lambda: not answers(port))

    assert project.plan("up") == [("forward-port", "web:80")]
    assert project.inv("up").code == 0
    assert page(port) == "hello\n"


def test_what_is_up_answers_here_though_another_service_is_not(
    project: Project, host: SshHost
) -> None:
    first, second, three = free_port(), free_port(), free_port()
    fails = f"image: {busybox.TAG}, init: true, command: [sh, -c, 'sleep 3; exit 4']"
    later = "depends_on: {other: {condition: service_healthy}}"
    never = 'healthcheck: {test: [CMD, "false"], interval: 1s, start_period: 600s}'
    project.compose(
        f'services:\n  web: {{{WEB}, ports: ["{first}:80"]}}\n'
        f'  other: {{{WEB}, ports: ["{second}:80"], {never}}}\n'
        f'  last: {{{WEB}, ports: ["{three}:80"], {later}}}\n'
        f"  wrong: {{{fails}}}\n"
    )

    failed = project.inv("up", "--timeout", "15")
    shown = {one["name"]: one for one in project.inv("status", "--json").document["services"]}

    assert failed.code == 8, failed.err
    assert "wrong" in failed.err
    assert [page(first), page(second), answers(three)] == ["hello\n", "hello\n", False]
    assert shown["web"]["forwarded"] == [f"127.0.0.1:{first}->127.0.0.1:{first}"]
    assert [shown["last"]["state"], shown["last"]["forwarded"]] == ["missing", []]

    # Interrupted while it waits, it leaves them as well.
    assert project.inv("down").code == 0
    assert not any(map(answers, (first, second)))
    waiting = project.start("up", "other")
    wait_until(lambda: answers(second))
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130, err
    assert page(second) == "hello\n"
