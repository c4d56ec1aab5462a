"""What beside files makes an image: options, build args, base images."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Build, BuildInputs, Engine, Image, Mount, Service
from composetasks.observe.images.build_inputs import build_inputs
from composetasks.run.failure import TaskFailure
from composetasks.store import build_records
from tests.dockerfiles import model, service


class Contexts:
    """Services with contexts of their own, made as a test needs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.services: dict[str, Service] = {}

    def add(
        self,
        name: str,
        dockerfile: str,
        definition: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        (place / "Dockerfile").write_text(dockerfile)
        build = Build(str(place), "Dockerfile", definition or {})
        self.services[name] = service(build, name, **changes)

    def inputs(self, *images: Image) -> Mapping[str, BuildInputs]:
        of = model(self.folder, *self.services.values())
        return build_inputs(of, Engine(images=images), self.cache)


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    return Contexts(tmp_path)


def digest(
    contexts: Contexts, dockerfile: str, definition: Mapping[str, Any], **changes: Any
) -> str:
    contexts.add("app", dockerfile, definition, **changes)
    return contexts.inputs()["app"].digest


PLAIN = "FROM scratch\nARG A\nARG HTTP_PROXY_NOT=\nLABEL a=$A\n"


@pytest.mark.parametrize(
    "definition",
    [
        {"args": {"A": "1"}},
        {"labels": {"a": "1"}},
        {"platforms": ["linux/s390x"]},
        {"network": "host"},
        {"extra_hosts": ["a=1.2.3.4"]},
        {"shm_size": "64m"},
        {"ulimits": {"nofile": 5}},
        {"privileged": True},
        {"entitlements": ["network.host"]},
        {"x-cachebust": "1"},
        {"isolation": "hyperv"},
        {"what_compose_learns_next": "1"},
        {"args": {"BUILDKIT_INLINE_CACHE": "1"}},
        {"args": {"SOURCE_DATE_EPOCH": "1"}},
    ],
    ids=str,
)
def test_an_option_that_reaches_the_build_counts(
    contexts: Contexts, definition: dict[str, Any]
) -> None:
    assert digest(contexts, PLAIN, definition) != digest(contexts, PLAIN, {})


@pytest.mark.parametrize(
    "definition",
    [
        {"args": {"NOT_DECLARED": "1"}},
        {"args": {"HTTP_PROXY": "http://proxy", "no_proxy": "localhost"}},
        {"args": {"A": None}},
        {"secrets": [{"source": "token"}]},
        {"ssh": ["default"]},
        {"cache_from": ["a/b"], "cache_to": ["type=inline"]},
        {"tags": ["more/tags:1"]},
        {"pull": True, "no_cache": True, "no_cache_filter": ["base"]},
        {"additional_contexts": {"unneeded": "/nowhere"}},
        {"provenance": True, "sbom": True},
        {"dockerfile": "./Dockerfile"},
    ],
    ids=str,
)
def test_one_that_does_not_is_no_input(contexts: Contexts, definition: dict[str, Any]) -> None:
    assert digest(contexts, PLAIN, definition) == digest(contexts, PLAIN, {})


def test_a_services_own_settings_are_no_inputs(contexts: Contexts) -> None:
    changes: dict[str, Any] = {"config": {"environment": {"A": "1"}, "labels": {"b": "2"}}}
    assert digest(contexts, PLAIN, {}, **changes) == digest(contexts, PLAIN, {})


def test_a_services_platform_is_one(contexts: Contexts) -> None:
    changed = digest(contexts, PLAIN, {}, config={"platform": "linux/s390x"})
    assert changed != digest(contexts, PLAIN, {})


def test_a_proxy_that_the_dockerfile_asks_for_is_one(contexts: Contexts) -> None:
    asks = "FROM scratch\nARG HTTP_PROXY\n"
    assert digest(contexts, asks, {"args": {"HTTP_PROXY": "a"}}) != digest(contexts, asks, {})


def test_an_arg_of_another_stage_is_none(contexts: Contexts) -> None:
    text = "FROM scratch AS other\nARG A\nFROM scratch\n"
    assert digest(contexts, text, {"args": {"A": "1"}}) == digest(contexts, text, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("FROM a\nRUN b\n", "# c\nFROM a\n\nRUN   b\n", True),
        ("FROM a\nRUN b\n", "FROM a\nRUN b c\n", False),
        ("FROM a AS x\nRUN b\nFROM c\n", "FROM a AS x\nRUN d\nFROM c\n", True),
        ("ARG V=1\nFROM a:$V\n", "ARG V=2\nFROM a:$V\n", False),
        ("ARG V=1\nARG W=$V\nFROM a\nARG W\n", "ARG V=2\nARG W=$V\nFROM a\nARG W\n", False),
        ("ARG V=1\nFROM a\n", "ARG V=2\nFROM a\n", True),
        (
            "# syntax=docker/dockerfile:1\nFROM a\n",
            "# syntax=docker/dockerfile:1.9\nFROM a\n",
            False,
        ),
        ("FROM scratch\nCOPY <<E /x\n1\nE\n", "FROM scratch\nCOPY <<E /x\n2\nE\n", False),
    ],
)
def test_of_the_dockerfile_counts_what_the_target_needs(
    contexts: Contexts, one: str, other: str, same: bool
) -> None:
    assert (digest(contexts, one, {}) == digest(contexts, other, {})) is same


def test_secrets_of_the_dockerfile_are_not_shown(contexts: Contexts) -> None:
    contexts.add("app", 'FROM a\nENV DB_PASSWORD="hunter 2" PORT=1\nARG API_TOKEN=abcdef\n')
    inputs = contexts.inputs()["app"]
    assert inputs.options["dockerfile"].count("***") == 2
    assert "hunter" not in str(inputs.options)
    assert "PORT=1" in inputs.options["dockerfile"]


# --- base images ----------------------------------------------------------------------------

LOCAL = Image("sha256:local", ("python:3.11",))
PULLED = Image("sha256:local", ("python:3.11",), digests=("mirror/x@sha256:m", "python@sha256:r"))


@pytest.mark.parametrize(
    ("images", "expected"),
    [((), ""), ((LOCAL,), "sha256:local"), ((PULLED,), "sha256:r")],
)
def test_a_base_image_is_known_by_its_registrys_digest_or_its_id(
    contexts: Contexts, images: tuple[Image, ...], expected: str
) -> None:
    contexts.add("app", "FROM docker.io/library/python:3.11\n")
    assert contexts.inputs(*images)["app"].bases == {"docker.io/library/python:3.11": expected}


def test_one_that_only_the_builder_pulled_is_known_by_what_was_recorded(contexts: Contexts) -> None:
    contexts.add("app", "FROM python:3.11\n")
    unknown = contexts.inputs()["app"]
    build_records.save_bases(contexts.cache, {"python:3.11": build_records.Base("sha256:r")})
    known = contexts.inputs()["app"]
    assert known.bases == {"python:3.11": "sha256:r"}
    assert known.core == unknown.core
    assert known.digest == build_records.combined(unknown.core, known.bases) != unknown.digest
    assert contexts.inputs(PULLED)["app"].digest == known.digest


def test_one_that_was_removed_is_still_what_it_was(contexts: Contexts) -> None:
    contexts.add("app", "FROM python:3.11\n")
    before = contexts.inputs(LOCAL)["app"]
    assert contexts.inputs()["app"].digest == before.digest


def test_another_base_image_is_another_digest(contexts: Contexts) -> None:
    contexts.add("app", "FROM python:3.11\n")
    other = Image("sha256:other", ("python:3.11",))
    assert contexts.inputs(LOCAL)["app"].digest != contexts.inputs(other)["app"].digest


@pytest.mark.parametrize(
    ("dockerfile", "definition", "reference"),
    [
        ("FROM base\n", {"additional_contexts": {"base": "service:lower"}}, "service:lower"),
        (
            "FROM scratch\nCOPY --from=base /a /\n",
            {"additional_contexts": {"base": "service:lower"}},
            "service:lower",
        ),
        ("FROM ct-lower\n", {}, "ct-lower"),
        ("FROM ct-lower:latest\n", {}, "ct-lower:latest"),
        ("FROM x\n", {"additional_contexts": {"x": "docker-image://ct-lower"}}, "ct-lower"),
    ],
)
def test_an_image_of_another_service_is_known_by_its_inputs(
    contexts: Contexts, dockerfile: str, definition: dict[str, Any], reference: str
) -> None:
    contexts.add("upper", dockerfile, definition)
    contexts.add("lower", "FROM scratch\nCOPY . /\n")
    before = contexts.inputs()
    assert before["upper"].bases == {reference: f"ct-{before['lower'].digest}"}
    (contexts.folder / "lower" / "new").touch()
    after = contexts.inputs(Image("sha256:1", ("ct-lower:latest",)))
    assert after["lower"].digest != before["lower"].digest
    assert after["upper"].digest != before["upper"].digest
    assert after["upper"].core == before["upper"].core


def test_triggers_of_another_services_image_count(contexts: Contexts) -> None:
    contexts.add("upper", "FROM ct-lower\n")
    contexts.add("lower", "FROM scratch\nONBUILD COPY wanted /\n")
    (contexts.folder / "upper" / "wanted").touch()
    (contexts.folder / "upper" / "other").touch()
    assert list(contexts.inputs()["upper"].files) == ["upper/wanted"]


def test_services_that_are_each_others_base_are_a_failure(contexts: Contexts) -> None:
    contexts.add("a", "FROM x\n", {"additional_contexts": {"x": "service:b"}})
    contexts.add("b", "FROM x\n", {"additional_contexts": {"x": "service:a"}})
    with pytest.raises(TaskFailure, match="a -> b -> a"):
        contexts.inputs()


def test_an_image_may_be_called_like_its_own_base(contexts: Contexts) -> None:
    contexts.add("app", "FROM python:3.11\n", image="python:3.11")
    assert contexts.inputs(LOCAL)["app"].bases == {"python:3.11": "sha256:local"}


def test_equal_builds_have_one_digest(contexts: Contexts) -> None:
    contexts.add("one", "FROM scratch\nCOPY . /\n")
    contexts.add("two", "FROM scratch\nCOPY . /\n")
    inputs = contexts.inputs()
    assert inputs["one"].digest == inputs["two"].digest


# --- contexts elsewhere ---------------------------------------------------------------------


def test_a_remote_context_is_known_by_its_address(contexts: Contexts) -> None:
    def observed(address: str, **definition: Any) -> BuildInputs:
        contexts.services["app"] = service(Build(address, "Dockerfile", definition))
        return contexts.inputs()["app"]

    one = observed("https://github.com/example/app.git#v1")
    assert one.digest != observed("https://github.com/example/app.git#v2").digest
    assert one.digest != observed("https://github.com/example/app.git#v1", args={"A": "1"}).digest
    assert len(one.warnings) == 1
    assert "remote" in one.warnings[0]


def test_a_large_context_is_named_with_its_largest_folders(contexts: Contexts) -> None:
    contexts.add("app", "FROM scratch\nCOPY . /\n")
    for name, size in {"data/x": 90_000_000, "videos/y": 60_000_000, "src/z": 10}.items():
        place = contexts.folder / "app" / name
        place.parent.mkdir()
        with place.open("wb") as stream:
            stream.truncate(size)
    (warning,) = contexts.inputs()["app"].warnings
    assert "150 MB of" in warning
    assert "(data 90 MB, videos 60 MB)" in warning
    assert ".dockerignore" in warning


@pytest.mark.parametrize(
    ("dockerfile", "ignore", "read_only", "warned"),
    [
        ("COPY . /\n", "", False, True),
        ("COPY data /\n", "", False, True),
        ("COPY src /\n", "", False, False),
        ("COPY . /\n", "data\n", False, False),
        ("COPY . /\n", "", True, False),
    ],
)
def test_state_within_a_context_is_named(
    contexts: Contexts, dockerfile: str, ignore: str, read_only: bool, warned: bool
) -> None:
    place = contexts.folder / "app"
    mounts = tuple(
        Mount("bind", str(place / path), f"/{path}", read_only) for path in ("data", "src")
    )
    contexts.add("app", f"FROM scratch\n{dockerfile}", mounts=mounts)
    for path in ("data/pg/1", "src/a.py"):
        (place / path).parent.mkdir(parents=True)
        (place / path).touch()
    (place / ".dockerignore").write_text(ignore)
    subprocess.run(["git", "init", "-q", place], check=True)
    subprocess.run(["git", "-C", place, "add", "src"], check=True)
    for _ in range(2):
        warnings = contexts.inputs()["app"].warnings
        assert bool(warnings) is warned
        assert not warned or f"triggers a rebuild: data of {place}" in warnings[0]
