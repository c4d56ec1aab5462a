"""The corpus: from each Dockerfile exactly the files, images and args that it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import BuildInputs, Engine, Image
from composetasks.facts.references import plain
from composetasks.observe.images.build_inputs import build_inputs
from composetasks.store import build_records, cache_entry
from tests.dockerfiles import Case, cases, context, model, service

CASES = cases()


def known_images(case: Case, cache: Path) -> Engine:
    """An engine with the base images whose configuration the case tells, and what the builder
    was seen to pull."""
    images, configs = [], {}
    for name, triggers in case.expected.get("onbuild", {}).items():
        if triggers is None:
            build_records.save_bases(
                cache, {plain(name): build_records.Base("sha256:0", triggers=True)}
            )
            continue
        tag = name if ":" in name else f"{name}:latest"
        images.append(Image(f"sha256:{name}", (tag,)))
        env = case.expected.get("env", {}).get(name, {})
        configs[f"sha256:{name}"] = {"env": env, "onbuild": triggers}
    cache_entry.save(cache / "image-configs.json", configs)
    return Engine(images=tuple(images))


def observed(case: Case, folder: Path) -> BuildInputs:
    cache = folder / "cache"
    cache.mkdir()
    of = model(folder / "context", service(context(case, folder)))
    return build_inputs(of, known_images(case, cache), cache)["app"]


def files_of(inputs: BuildInputs) -> dict[str, str]:
    return {path: text for path, text in inputs.files.items() if not text.startswith("d ")}


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_files_are_those_the_dockerfile_reads(case: Case, tmp_path: Path) -> None:
    assert sorted(files_of(observed(case, tmp_path))) == sorted(case.expected["files"])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_base_images_are_those_of_the_needed_stages(case: Case, tmp_path: Path) -> None:
    assert sorted(observed(case, tmp_path).bases) == sorted(case.expected["images"])


@pytest.mark.parametrize("case", [one for one in CASES if "args" in one.expected], ids=str)
def test_only_declared_args_count(case: Case, tmp_path: Path) -> None:
    inputs = observed(case, tmp_path)
    args = [name.removeprefix("build-arg.") for name in inputs.options if "build-arg." in name]
    assert args == case.expected["args"]


@pytest.mark.parametrize("case", [one for one in CASES if "texts" in one.expected], ids=str)
def test_modes_count_as_far_as_they_reach_the_image(case: Case, tmp_path: Path) -> None:
    inputs = observed(case, tmp_path)
    texts: dict[str, Any] = case.expected["texts"]
    assert {path: inputs.files[path][: len(text)] for path, text in texts.items()} == texts


@pytest.mark.parametrize("case", [one for one in CASES if "remote" in one.expected], ids=str)
def test_what_add_fetches_is_warned_of(case: Case, tmp_path: Path) -> None:
    warnings = observed(case, tmp_path).warnings
    assert [url for url in case.expected["remote"] if not any(url in w for w in warnings)] == []


def test_folders_that_parents_makes_count(tmp_path: Path) -> None:
    case = next(one for one in CASES if one.name == "parents")
    inputs = observed(case, tmp_path)
    folders = [path for path, text in inputs.files.items() if text.startswith("d ")]
    assert sorted(folders) == case.expected["folders"]
