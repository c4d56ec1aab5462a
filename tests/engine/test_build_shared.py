"""Images shared through a registry: pushed by digest, and taken instead of built."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from composetasks.apply.carry_out import carry_out
from composetasks.apply.tools import Tools
from composetasks.facts import Event, Plan, Scope, Shared, World
from composetasks.observe.compose.model import load_model
from composetasks.observe.engine.inventory import connect
from composetasks.observe.images import registry as registry_module
from composetasks.observe.world import observe_world
from composetasks.plan.images.decisions import plan_build
from composetasks.run.failure import TaskFailure
from tests.engine import busybox, registry
from tests.engine.built import FROM, Built


class Person(Built):
    """Somebody with a checkout, whose builds use a shared registry."""

    address = ""

    def look(self, *, push: bool = False) -> World:
        model = load_model(self.compose, self.kept.cache)
        scope = Scope(registry=self.address, push=push)
        return observe_world(model, self.client, self.compose, self.kept.cache, scope)

    def shared_plan(self, *, push: bool = False, **options: bool) -> tuple[World, Plan]:
        world = self.look(push=push)
        return world, plan_build(world, (), push=push, **options)

    def actions(self, *, push: bool = False, **options: bool) -> list[str]:
        _, plan = self.shared_plan(push=push, **options)
        return [step.action.value for step in plan.steps]

    def share(self, *, push: bool = False, seen: tuple[World, Plan] | None = None) -> list[Event]:
        world, plan = seen or self.shared_plan(push=push)
        run = self.kept.new_run("build")
        tools = Tools(self.compose, self.client, run, self.kept.cache)
        return list(carry_out(plan, world, tools))

    def forget(self) -> None:
        """Lose every image, as on an engine where nothing was built yet, and their records."""
        self.remove_everything()
        for path in (self.kept.cache / "built").glob("*"):
            path.unlink()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry.running(tmp_path_factory.mktemp("registry")) as result:
        yield result


@pytest.fixture
def person(tmp_path: Path, address: str) -> Iterator[Person]:
    client = connect()
    made = Person(tmp_path / "project", client)
    made.address = f"{address}/{made.name}"
    made.folder.mkdir()
    made.dockerfile("web", "COPY a /a\nRUN --network=none head -c 9 /dev/urandom > /random\n")
    made.file("web/a", "one")
    made.services(web={})
    yield made
    made.remove_everything()
    for image in client.images():
        for tag in image.get("RepoTags") or ():
            if tag.startswith(made.address):
                client.remove_image(tag)
    client.close()


def test_what_one_person_pushed_the_next_takes_instead_of_building(person: Person) -> None:
    person.share(push=True)
    before = person.id("web")
    assert person.actions(push=True) == []
    person.forget()
    assert person.actions() == ["pull-image"]
    person.share()
    assert person.id("web") == before
    assert person.actions() == []
    assert person.steps() == []
    assert len(person.digest_tags("web")) == 1
    person.file("web/a", "two")
    _, plan = person.shared_plan()
    assert [one.path for one in plan.steps[0].because] == ["web/a"]


def test_what_others_built_is_never_pushed(person: Person) -> None:
    web = {"image": person.image("web"), "build": {"context": "./web"}}
    person.write({"web": web, "db": {"image": busybox.TAG}})
    # On the service's tag, but not of its inputs.
    person.docker("tag", busybox.TAG, person.image("web"))
    _, plan = person.shared_plan(push=True)
    assert [(step.action.value, step.service) for step in plan.steps] == [
        ("build-image", "web"),
        ("push-image", "web"),
    ]
    person.share(push=True)
    assert person.content("web", "/a") == "one"
    assert person.actions(push=True) == []


def test_nothing_of_the_registrys_names_stays_here(person: Person) -> None:
    person.share(push=True)
    person.forget()
    person.share()
    tags = [tag for image in person.world().engine.images for tag in image.tags]
    assert [tag for tag in tags if tag.startswith(person.address)] == []


def test_other_inputs_are_built_and_begin_with_what_is_there(person: Person) -> None:
    person.dockerfile("web", "RUN --network=none head -c 9 /dev/urandom > /random\nCOPY a /a\n")
    person.share(push=True)
    random = person.docker("run", "--rm", "--network=none", person.image("web"), "od", "/random")
    person.forget()
    person.docker("builder", "prune", "--force", "--filter", f"description~={person.name}")
    person.file("web/a", "two")
    assert person.actions() == ["build-image"]
    person.share()
    assert person.content("web", "/a") == "two"
    again = person.docker("run", "--rm", "--network=none", person.image("web"), "od", "/random")
    assert again == random


def test_a_build_that_is_asked_for_is_a_build(person: Person) -> None:
    person.share(push=True)
    person.forget()
    assert person.actions(no_cache=True) == ["build-image"]
    assert person.actions(no_cache=True, push=True) == ["build-image", "push-image"]


def test_an_image_that_went_after_the_plan_is_built(person: Person) -> None:
    person.share(push=True)
    person.forget()
    world = person.look()
    gone = f"{person.address}/web:ct-{'0' * 24}"
    shared = Shared(person.address, {"web": gone})
    world = World(**{**vars(world), "shared": shared})
    events = person.share(seen=(world, plan_build(world, ())))
    assert [event.kind for event in events if event.kind == "warning"] == ["warning"]
    assert person.content("web", "/a") == "one"


def test_an_image_whose_base_is_built_by_another_service_is_taken_alone(person: Person) -> None:
    person.file("upper/Dockerfile", f"FROM {person.image('web')}\nLABEL upper=1\n")
    person.services(web={}, upper={})
    person.share(push=True)
    person.forget()
    _, plan = person.shared_plan()
    assert {(step.action.value, step.service) for step in plan.steps} == {
        ("pull-image", "web"),
        ("pull-image", "upper"),
    }
    person.share()
    assert person.actions() == []


def test_a_registry_that_is_down_costs_a_line_and_the_build_goes_on(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    person.address = f"127.0.0.1:{port}/none"
    world, plan = person.shared_plan()
    (warning,) = world.warnings
    assert "connection refused" in warning
    assert [step.action.value for step in plan.steps] == ["build-image"]
    person.share(seen=(world, plan))
    assert person.content("web", "/a") == "one"


def test_one_that_never_answers_costs_a_bounded_wait(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "ANSWER_SECONDS", 1)
    names = [f"s{number}" for number in range(5)]
    for name in names:
        person.dockerfile(name, "LABEL a=1\n")
    person.services(**{name: {} for name in names})
    with socket.create_server(("127.0.0.1", 0)) as server:
        person.address = f"127.0.0.1:{server.getsockname()[1]}/none"
        began = time.monotonic()
        world, plan = person.shared_plan()
        waited = time.monotonic() - began
    assert waited < 5
    assert len(world.warnings) == 1
    assert len(plan.steps) == 5


def test_a_push_that_fails_says_so(person: Person) -> None:
    world, plan = person.shared_plan(push=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    world = World(**{**vars(world), "shared": Shared(f"127.0.0.1:{port}/none")})
    with pytest.raises(TaskFailure) as failure:
        person.share(seen=(world, plan))
    assert failure.value.code == 1
    assert "docker login" in failure.value.hint
    assert person.content("web", "/a") == "one"


def test_newer_base_images_are_pulled(person: Person) -> None:
    base = f"{person.address}/base:1"

    def publish(text: str) -> None:
        person.file("base/Dockerfile", f"{FROM}LABEL text={text}\n")
        person.docker("build", "-q", "-t", base, str(person.folder / "base"))
        person.docker("push", "-q", base)

    publish("one")
    person.file("web/Dockerfile", f"FROM {base}\nLABEL a=1\n")
    person.services(web={})
    person.build()
    here = person.docker("image", "inspect", "--format", "{{.Id}}", base)
    publish("two")
    person.docker("tag", here, base)
    assert person.steps() == []
    assert person.inspect(person.image("web"))["Config"]["Labels"]["text"] == "one"
    assert person.steps(pull=True) == [("build-image", "web")]
    person.build(pull=True)
    assert person.inspect(person.image("web"))["Config"]["Labels"]["text"] == "two"
    assert person.steps() == []

    # Where the model says so, it is as with Compose, but that nothing is built for nothing, nor
    # where no registry answers.
    person.services(web={"build": {"pull": True}})
    assert person.steps() == []
    publish("three")
    person.docker("tag", here, base)
    assert person.steps() == [("build-image", "web")]
    person.build()
    assert person.inspect(person.image("web"))["Config"]["Labels"]["text"] == "three"
    assert person.steps() == []


def test_a_base_that_only_the_builder_pulled_is_remembered(person: Person) -> None:
    base = f"{person.address}/base:1"
    person.file("base/Dockerfile", f"{FROM}LABEL x={person.name}\n")
    person.docker("build", "-q", "-t", base, str(person.folder / "base"))
    person.docker("push", "-q", base)
    person.docker("image", "rm", base)
    person.file("web/Dockerfile", f"FROM {base}\nLABEL a=1\n")
    person.services(web={})
    person.build()
    world = person.world()
    assert world.engine.image(base) is None
    assert world.inputs["web"].bases[base].startswith("sha256:")
    assert person.steps() == []


def test_triggers_of_such_a_base_are_found_out(person: Person) -> None:
    base = f"{person.address}/onbuild:1"
    person.file("base/Dockerfile", f"{FROM}LABEL x={person.name}\nONBUILD COPY a /a\n")
    person.docker("build", "-q", "-t", base, str(person.folder / "base"))
    person.docker("push", "-q", base)
    person.docker("image", "rm", base)
    person.file("web/Dockerfile", f"FROM {base}\nLABEL a=1\n")
    person.services(web={})
    person.build()
    assert person.digest_tags("web") == []
    person.build()
    assert person.steps() == []
    person.file("web/a", "two")
    assert person.steps() == [("build-image", "web")]


def test_an_interrupt_ends_a_pull(person: Person) -> None:
    person.share(push=True)
    person.forget()
    world, plan = person.shared_plan()
    run = person.kept.new_run("build")
    events = carry_out(plan, world, Tools(person.compose, person.client, run, person.kept.cache))
    next(events)
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)
    assert threading.active_count() < 20
