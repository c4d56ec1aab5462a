"""Compose files of strangers load as Compose loads them, or fail with Compose's own message."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import ExitCode, Model
from composetasks.observe.compose.binary import find
from composetasks.observe.compose.model import load_model
from composetasks.observe.env.usage import read_usage
from composetasks.run.failure import TaskFailure
from tests.project import Project

CORPUS = Path(__file__).parent.parent / "corpus" / "compose"
LOADED = sorted(path.name for path in CORPUS.iterdir() if path.name != "refused")
ONE_SERVICES_FAULT = "missing-env-file"
REFUSED = sorted(
    path.name for path in (CORPUS / "refused").iterdir() if path.name != ONE_SERVICES_FAULT
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "PG_VERSION"):
        monkeypatch.delenv(name, raising=False)


def copied(tmp_path: Path, name: str) -> Path:
    """A case of the corpus in a folder of its own, with a place for its cache."""
    folder = tmp_path / "case"
    shutil.copytree(CORPUS / name, folder)
    (folder / "cache").mkdir()
    return folder


def by_compose(folder: Path, *arguments: str) -> str:
    compose = find(folder)
    return compose.run(*arguments).stdout


def document(folder: Path) -> dict[str, Any]:
    """The model as Compose prints it, in YAML, which never fails where `config -q` passes."""
    import yaml

    loaded = yaml.safe_load(by_compose(folder, "config"))
    assert isinstance(loaded, dict)
    return loaded


def load(folder: Path, *, all_profiles: bool = False) -> Model:
    return load_model(find(folder), folder / "cache", all_profiles=all_profiles)


@pytest.mark.parametrize("name", LOADED)
def test_a_model_is_what_compose_says(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path, name)
    model, said = load(folder), document(folder)
    hashes = dict(line.split() for line in by_compose(folder, "config", "--hash", "*").splitlines())
    assert model.project == said["name"]
    assert set(model.services) == set(said["services"])
    assert {one.name: one.config_hash for one in model.services.values()} == hashes
    for key, section in said["services"].items():
        service = model.services[key]
        assert service.image == section.get("image", f"{model.project}-{key}")
        assert {one.service for one in service.depends_on} == set(section.get("depends_on", ()))
        assert set(service.networks) == set(section.get("networks", ()))
        assert len(service.ports) == len(section.get("ports", ()))
        assert [one.target for one in service.mounts] == [
            one["target"] for one in section.get("volumes", ())
        ]
        assert bool(service.build) == ("build" in section)
        scale = section.get("deploy", {}).get("replicas", section.get("scale", 1))
        assert service.replicas == scale
    order = list(model.services)
    for service in model.services.values():
        for dependency in service.depends_on:
            if dependency.service in order:
                assert order.index(dependency.service) < order.index(service.name)
    for kind, result in (("networks", model.networks), ("volumes", model.volumes)):
        assert {one.key: one.name for one in result.values()} == {
            key: (one or {}).get("name", f"{model.project}_{key}")
            for key, one in said.get(kind, {}).items()
        }


@pytest.mark.parametrize("name", LOADED)
def test_a_model_is_the_same_from_the_cache_and_holds_no_secret(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path, name)
    assert load(folder) == load(folder)
    for kept in (folder / "cache").rglob("*"):
        assert not kept.is_file() or b"opensesame" not in kept.read_bytes()


@pytest.mark.parametrize("name", REFUSED)
def test_what_compose_refuses_is_refused_in_its_words(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path, f"refused/{name}")
    compose = find(folder)
    refused = compose.run("config", "-q", check=False)
    assert refused.code != 0
    with pytest.raises(TaskFailure) as raised:
        load(folder)
    assert raised.value.code == ExitCode.INVALID
    words = refused.stderr.strip().splitlines()[-1]
    assert words in raised.value.detail


def test_a_missing_env_file_is_the_fault_of_its_service_in_composes_words(tmp_path: Path) -> None:
    folder = copied(tmp_path, f"refused/{ONE_SERVICES_FAULT}")
    refused = find(folder).run("config", "-q", check=False)
    assert refused.code != 0
    assert load(folder).faults == {"web": refused.stderr.strip()}
    assert load(folder).faults == load(folder).faults
    assert load(folder).cures == {}
    (folder / "missing.env.example").write_text("A=\n")
    cure = f"`cp {folder}/missing.env.example {folder}/missing.env`, and adjust its values"
    assert load(folder).cures == {"web": cure}
    (folder / "missing.env").write_text("A=1\n")
    assert load(folder).faults == {}
    assert load(folder).services["web"].config["environment"] == {"A": "1"}


def test_variables_that_are_not_set_are_one_warning(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {web: {image: i, environment: {X: $A, Y: $B, Z: $A}}}\n")
    assert load(tmp_path).warnings == (
        "2 variables are not set and default to a blank string: A, B",
    )
    (tmp_path / ".env").write_text("B=1\n")
    [words] = load(tmp_path).warnings
    assert words == 'The "A" variable is not set. Defaulting to a blank string.'


def test_a_variable_that_is_required_is_named_with_the_file_that_it_belongs_in(
    tmp_path: Path,
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: 'i:${TAG:?choose}'}}\n")
    with pytest.raises(TaskFailure) as raised:
        load(tmp_path)
    assert raised.value.hint == "add TAG=... to .env"


def test_a_number_of_replicas_that_nobody_can_run_is_a_fault_and_is_not_counted_through(
    tmp_path: Path,
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n"
        "  a: {image: i, deploy: {replicas: 1000000000000}, expose: [1-999999999999]}\n"
        "  b: {image: i, scale: 65534}\n"
        "  c: {image: i, scale: 1000000000000, profiles: [no]}\n"
    )
    for model in (load(tmp_path), load(tmp_path)):  # the second one is remembered
        [(name, fault)] = model.faults.items()
        assert (name, fault) == (
            "a",
            "1000000000000 replicas are more than a network has addresses",
        )
        assert model.services["b"].replicas == 65534


def test_a_refused_model_ends_a_task_with_6_and_composes_message(project: Project) -> None:
    shutil.copytree(CORPUS / "refused" / "required-variable", project.folder, dirs_exist_ok=True)
    ran = project.inv("up", "--plan", "--json")
    assert ran.code == ExitCode.INVALID
    assert "set the version of postgres" in ran.out + ran.err


def test_what_a_profile_would_start_is_inactive_until_it_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path, "profiles")
    assert (set(load(folder).services), set(load(folder).inactive)) == ({"app"}, {"debug", "load"})
    assert set(load(folder, all_profiles=True).services) == {"app", "debug", "load"}
    monkeypatch.setenv("COMPOSE_PROFILES", "debug")
    assert set(load(folder).services) == {"app", "debug", "load"}


def test_an_edit_of_any_file_reached_is_seen(tmp_path: Path) -> None:
    folder = copied(tmp_path, "includes")
    assert load(folder).services["cache"].image == "redis:7.2"
    (folder / "parts" / "cache.env").write_text("CACHE_VERSION=8\n")
    assert load(folder).services["cache"].image == "redis:8"
    (folder / "parts" / "database.yaml").write_text("services: {db: {image: 'postgres:16'}}\n")
    assert load(folder).services["db"].image == "postgres:16"


def test_json_fails_where_build_names_a_key_and_yaml_serves(tmp_path: Path) -> None:
    folder = copied(tmp_path, "ssh")
    argv = find(folder).argv("config", "--format", "json")
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0 and json.loads(done.stdout):
        pytest.skip("this Compose prints build.ssh as JSON")
    assert load(folder).services["app"].build is not None


def test_every_variable_of_a_text_with_several_is_found(tmp_path: Path) -> None:
    image = "${IMAGE:-ghcr.io/shop/web}:${TAG:-1}-${FLAVOUR:-${DEFAULT_FLAVOUR:-slim}}"
    (tmp_path / "compose.yaml").write_text(f"services: {{web: {{image: '{image}'}}}}\n")
    usage = read_usage(find(tmp_path))
    assert set(usage.services["web"]) == {"IMAGE", "TAG", "FLAVOUR", "DEFAULT_FLAVOUR"}


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("services:\n  web:\n    image: a\n     b: c\n", "the syntax of more/web.yaml, line 4"),
        ("services:\n\tweb: {image: a}\n", "the syntax of more/web.yaml, line 2"),
        ("services:\n  web: {image: a, ports: [abc]}\n", "compose.yaml or more/web.yaml"),
        ("services:\n  web: {dependson: [a]}\n", "the file it names"),
    ],
)
def test_a_model_that_is_refused_names_the_file_to_correct(
    tmp_path: Path, text: str, advice: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "compose.yaml").write_text("include: [more/web.yaml]\n")
    (tmp_path / "more" / "web.yaml").write_text(text)
    with pytest.raises(TaskFailure) as refused:
        load(tmp_path)
    assert refused.value.hint.endswith(f"; correct {advice}")


@pytest.mark.parametrize(
    "refused_for",
    ["volumes: ['$UPLOADS:/data']", "volumes: ['$UPLOADS:/data'], hostname: $NAME_OF_IT"],
    ids=["one", "two"],
)
def test_a_model_refused_with_variables_unset_names_the_example_of_them(
    tmp_path: Path, refused_for: str
) -> None:
    (tmp_path / "compose.yaml").write_text(f"services: {{a: {{image: a, {refused_for}}}}}")
    with pytest.raises(TaskFailure) as refused:
        load(tmp_path)
    assert "docker compose config -q" in refused.value.hint
    (tmp_path / "example.env").write_text("UPLOADS=./library\n")
    with pytest.raises(TaskFailure) as refused:
        load(tmp_path)
    assert refused.value.hint.startswith(f"`cp {tmp_path}/example.env {tmp_path}/.env`")


def test_a_password_that_is_a_word_of_a_service_s_name_is_masked_under_its_name_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n  airflow-init:\n    image: postgres\n    command: ls /opt/airflow pa55word\n"
        "    environment: {DB_PASSWORD: airflow, OTHER_PASSWORD: pa55word}\n"
    )
    config = load(tmp_path).services["airflow-init"].config
    assert config["command"][:2] == ["ls", "/opt/airflow"]
    assert "pa55word" not in str(config)
    assert config["environment"]["DB_PASSWORD"].startswith("***")
