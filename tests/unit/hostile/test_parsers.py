"""Whatever a file or the engine says: a parser gives a value or its own error, and never another
exception."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import strategies as st

from composetasks.apply.images.bake import Unclear, definition_of
from composetasks.apply.inside import tree, wire
from composetasks.apply.inside.pack import Pack
from composetasks.apply.inside.unpack import BadArchive, Unpack
from composetasks.apply.start.probe import FirstSeen, Waited, probe
from composetasks.facts import Build, Container, Engine, World
from composetasks.observe.compose import compose_dotenv, sources
from composetasks.observe.compose.model import load_model
from composetasks.observe.compose.sources import compose_files, included_env_files, reached
from composetasks.observe.engine.inventory import read_engine
from composetasks.observe.env.dotenv import read_environment
from composetasks.observe.images.build_inputs import build_inputs
from composetasks.observe.images.ignore import Ignore, read_patterns
from composetasks.observe.logs import read as logs
from composetasks.plan.env.check import lines, problems
from composetasks.plan.start.readiness import Expected
from composetasks.plan.start.start import StartOptions, plan_start
from composetasks.plan.start.stop import plan_stop
from composetasks.report.documents import plan_document
from composetasks.run.build_log import BuildLog
from composetasks.run.compose import Compose
from composetasks.run.failure import EngineLost, TaskFailure
from composetasks.run.process import Completed
from composetasks.store import build_records, cache_entry, container_configs, snapshot_folder
from composetasks.store.folder import read_json
from composetasks.store.run_record import RunRecord
from tests.dockerfiles import model as model_of
from tests.dockerfiles import service as service_of
from tests.unit import worlds
from tests.unit.hostile import documents
from tests.unit.hostile.fuzz import fuzz, spoilt, spoilt_bytes, spoilt_text

CORPUS = Path(__file__).parents[2] / "corpus"


class Says(Compose):
    """A Compose that answers with a given text."""

    def answering(self, text: str, hashes: str = "") -> Says:
        object.__setattr__(self, "_texts", (text, hashes))
        return self

    def run(
        self,
        *arguments: str,
        check: bool = True,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> Completed:
        text, hashes = cast("tuple[str, str]", self.__dict__["_texts"])
        if "--hash" in arguments:
            text = hashes
        elif "--services" in arguments:
            text = "web\ndb\n"
        return Completed(arguments, 0, text, "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "cache").mkdir()
    return tmp_path


def compose_in(folder: Path) -> Says:
    # A binary that exists, for the cache's key; it is never run.
    return Says(Path(shutil.which("true") or "/bin/true"), folder, environment={})


def test_what_compose_says(folder: Path, fuzz_seconds: float) -> None:
    def check(document: Any) -> None:
        shutil.rmtree(folder / "cache")
        (folder / "cache").mkdir()
        said = compose_in(folder).answering(json.dumps(document), "web abc\ndb def\n")
        with contextlib.suppress(TaskFailure):
            load_model(said, folder / "cache")

    fuzz(spoilt(documents.MODEL), check, fuzz_seconds)


def test_the_remembered_model(folder: Path, fuzz_seconds: float) -> None:
    said = compose_in(folder).answering(json.dumps(documents.MODEL), "web abc\ndb def\n")
    load_model(said, folder / "cache")
    [place] = (folder / "cache").glob("compose-*.json")
    kept = cache_entry.load(place, dict)

    def check(document: Any) -> None:
        cache_entry.save(place, document)
        load_model(said, folder / "cache")

    fuzz(spoilt(kept), check, fuzz_seconds)


def test_compose_files(folder: Path, fuzz_seconds: float) -> None:
    texts = [path.read_text() for path in (CORPUS / "compose").rglob("*.yaml")]

    def check(text: str) -> None:
        (folder / "compose.yaml").write_text(text, errors="surrogatepass")
        files = compose_files(folder, (), {})
        reached(files, folder, {})

    fuzz(spoilt_text(texts), check, fuzz_seconds)


def test_dockerfiles_and_ignore_files(folder: Path, fuzz_seconds: float) -> None:
    results = [path for path in (CORPUS / "dockerfiles").rglob("*") if path.is_file()]
    texts = [path.read_text() for path in results if path.name.endswith("Dockerfile")]
    ignored = ["*\n!a\n", "**/*.py[cod]\n#c\n!src/**\n", "a/../b\n/c\n", "[a-z]?\\*\n"]
    context = folder / "web"
    context.mkdir()
    (context / "a").write_text("a")
    (context / "src").mkdir()
    (context / "src" / "b.py").write_text("b")
    (context / "loop").symlink_to("loop")

    def check(drawn: tuple[str, str, Any]) -> None:
        dockerfile, ignore, section = drawn
        (context / "Dockerfile").write_text(dockerfile, errors="surrogatepass")
        (context / ".dockerignore").write_text(ignore, errors="surrogatepass")
        if not isinstance(section, dict):
            section = {}
        build = Build(str(context), "Dockerfile", section)
        model = model_of(folder, service_of(build, "web"))
        with contextlib.suppress(TaskFailure):
            build_inputs(model, Engine(), folder / "cache")

    section = {"args": {"A": "1", "B": None}, "target": "last", "platforms": ["linux/amd64"]}
    sections: st.SearchStrategy[Any] = st.one_of(st.just({}), spoilt(section))
    drawn = st.tuples(spoilt_text(texts), spoilt_text(ignored), sections)
    fuzz(drawn, check, fuzz_seconds)


def test_ignore_patterns(fuzz_seconds: float) -> None:
    texts = ["*\n!a\n", "**/*.py[cod]\n#c\n!src/**\n", "a/../b\n/c\n", "[a-z]?\\*\n[]\n[^]a]\n"]

    def check(text: str) -> None:
        Ignore(read_patterns(text)).may_hold_exceptions("src")

    fuzz(spoilt_text(texts), check, fuzz_seconds)


ENV = ["A=1\nexport B='x y'\nC=\"$A ${B:-z}\"\nD: 3\n# note\nE=${A:?no}\n", "A\r\nB=1\r\n", "=\n"]
SPECIFICATION = ["# composetasks: env\n# What it is\n# type: int 1..9\n# required\nA=1\n"]
TYPES = "int float bool choice port path url secret 1..9 .. 0.. a|b"


def test_env_files(folder: Path, fuzz_seconds: float) -> None:
    def check(drawn: tuple[str, str]) -> None:
        for name, text in zip((".env", ".env.example"), drawn, strict=True):
            (folder / name).write_text(text, errors="surrogatepass")
        result = read_environment(folder, [folder / "compose.yaml"], {"B": "2"})
        lines(problems(result))

    specifications = [f"{SPECIFICATION[0]}# type: {one}\nB={one}\n" for one in TYPES.split()]
    fuzz(st.tuples(spoilt_text(ENV), spoilt_text(specifications)), check, fuzz_seconds)


def test_compose_dotenv(fuzz_seconds: float) -> None:
    def check(text: str) -> None:
        compose_dotenv.read(text, {"A": "1"}.get)
        with contextlib.suppress(compose_dotenv.Refused):
            compose_dotenv.substitute(text, {"A": "1"}.get)

    fuzz(spoilt_text(ENV), check, fuzz_seconds)


def test_kept_records(folder: Path, fuzz_seconds: float) -> None:
    cache = folder / "cache"
    (cache / "built").mkdir()
    (cache / "steps").mkdir()
    (cache / "made-from").mkdir()
    places = ("built/d.json", "bases.json", "steps/web.json", "made-from/h.json")

    def check(document: Any) -> None:
        for place in places:
            cache_entry.save(cache / place, document)
        build_records.load_bases(cache)
        build_records.load_times(cache, "web")
        step = {"name": "[1/2] RUN a", "seconds": 1.0, "cached": True}
        build_records.save_times(cache, "web", [step])
        recorded_configs = container_configs.load(cache, ["h"])
        built = build_records.load_inputs(cache, ["d"])
        inputs = worlds_inputs()
        image = replace(worlds.image("web"), tags=("shop-web:latest", "shop-web:ct-d"))
        world = worlds.world(worlds.model(worlds.built("web")), [worlds.container("web")])
        world = replace(
            world,
            engine=replace(world.engine, images=(image,)),
            inputs=inputs,
            built=built,
            recorded_configs={"hash-web": recorded_configs.get("h", {})},
        )
        model = worlds.model(replace(worlds.built("web"), config_hash="other"))
        plan_document(plan_start(replace(world, model=model), (), StartOptions()))

    fuzz(spoilt(documents.RECORD), check, fuzz_seconds)


def worlds_inputs() -> Mapping[str, Any]:
    from composetasks.facts import BuildInputs

    return {"web": BuildInputs("web", "new", {"web/a": "1"}, {"target": "x"}, core="c")}


def test_run_folders(folder: Path, fuzz_seconds: float) -> None:
    from composetasks.facts import Plan
    from composetasks.report.failure_page import completed

    before, now = folder / "runs" / "1-up", folder / "runs" / "2-up"
    before.mkdir(parents=True)
    now.mkdir()
    failure = TaskFailure("no", data=documents.FAILURE)

    def check(document: Any) -> None:
        (before / "failure.json").write_text(json.dumps(document))
        completed(failure, Plan("up", "shop", ()), RunRecord(now))

    fuzz(spoilt({**documents.FAILURE, "changed": ["a"]}), check, fuzz_seconds)


@pytest.mark.parametrize(
    "text", ["", "[", "\0", "[" * 100_000, "9" * 5000, '"\\ud800"', "[1]"], ids=range(7)
)
def test_a_damaged_document_is_none(folder: Path, text: str) -> None:
    (folder / "x.json").write_text(text)
    assert read_json(folder / "x.json") is None
    (folder / "cache" / "bases.json").write_text(text)
    assert build_records.load_bases(folder / "cache") == {}


def test_snapshots(folder: Path, fuzz_seconds: float) -> None:
    place = folder / "snapshots"
    (place / "one").mkdir(parents=True)
    (place / "one" / "00-data.tar.zst").write_bytes(b"x" * 10)

    def check(document: Any) -> None:
        if isinstance(document, dict):
            # Signed as one that was made so: the digest tells of accidents, not of intent.
            document.pop("sha256", None)
            document["sha256"] = snapshot_folder.seal(document)
        (place / "one" / "manifest.json").write_text(json.dumps(document))
        snapshot_folder.load_all(place)
        with contextlib.suppress(snapshot_folder.Damaged):
            snapshot_folder.verify(place, "one")

    fuzz(spoilt(documents.MANIFEST), check, fuzz_seconds)


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    root = tmp_path / "packed"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "file").write_text("content")
    (root / "link").symlink_to("inner/file")
    os.link(root / "inner" / "file", root / "same")
    with (root / "sparse").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    parts: list[bytes] = []
    opened = os.open(root, tree.FOLDER)
    Pack(parts.append).tree(opened)
    os.close(opened)
    return b"".join(parts)


def test_archives(tmp_path: Path, archive: bytes, fuzz_seconds: float) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")

    def check(content: bytes) -> None:
        stream = io.BytesIO(content)

        def read(count: int) -> bytes:
            if count > 1 << 26:
                raise BadArchive("unexpected end of the archive")
            result = stream.read(count)
            if len(result) < count:
                raise BadArchive("unexpected end of the archive")
            return result

        with tempfile.TemporaryDirectory(dir=tmp_path) as root:
            opened = os.open(root, tree.FOLDER)
            try:
                with contextlib.suppress(BadArchive, OSError):
                    Unpack(read, opened).run()
            finally:
                os.close(opened)
        assert outside.read_text() == "untouched"

    fuzz(spoilt_bytes([archive]), check, fuzz_seconds)


class Answers:
    """A client whose engine gives these lists."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def containers(self, **_: Any) -> Any:
        return self._given.get("containers", ())

    def images(self) -> Any:
        return self._given.get("images", ())

    def networks(self) -> Any:
        return self._given.get("networks", ())

    def volumes(self) -> Any:
        return self._given.get("volumes", {})

    def inspect_container(self, _key: str) -> Any:
        return self._given.get("inspect", {})


def test_the_engines_lists(fuzz_seconds: float) -> None:
    def check(document: Any) -> None:
        if not isinstance(document, dict):
            return
        with contextlib.suppress(TaskFailure):
            engine = read_engine(cast("Any", Answers(document)))
            of = worlds.model(worlds.service("web"), worlds.built("db"))
            world = World(of, engine)
            for plan in (plan_start(world, (), StartOptions()), plan_stop(world)):
                json.dumps(plan_document(plan))

    fuzz(spoilt(documents.ENGINE), check, fuzz_seconds)


def test_the_engines_record_of_a_container(fuzz_seconds: float) -> None:
    def check(document: Any) -> None:
        client = cast("Any", Answers({"inspect": document}))
        with contextlib.suppress(TaskFailure):
            probe(client, "c1", Expected(ports=(80,)), FirstSeen(), Waited(), lambda _: None)

    fuzz(spoilt(documents.INSPECTED), check, fuzz_seconds)


class Raw:
    """What an answer's body is read from."""

    def __init__(self, content: bytes, *, chunked: bool) -> None:
        self.chunked, self._content = chunked, content
        self._fp = self
        self.fp = io.BufferedReader(cast("Any", io.BytesIO(content)))

    def stream(self, _amount: int) -> Iterator[bytes]:
        yield self._content


class Answer:
    def __init__(self, content: bytes, kind: str, *, chunked: bool) -> None:
        self.raw = Raw(content, chunked=chunked)
        self.headers = {"Content-Type": f"application/vnd.docker.{kind}"}


def test_log_streams(fuzz_seconds: float) -> None:
    stamp = b"2026-01-31T12:00:00.000000001Z "
    frames = b"".join(
        bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
        for stream, text in ((1, stamp + b"one\n"), (2, stamp + b"two\n"), (1, stamp + b"part"))
    )
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(frames), frames)
    container = worlds.container("web")

    def check(content: bytes) -> None:
        for kind in ("raw-stream", "multiplexed-stream"):
            for is_chunked in (False, True):
                for cursor in (None, logs.Cursor()):
                    with contextlib.suppress(EngineLost, logs.LogError):
                        answer = Answer(content, kind, chunked=is_chunked)
                        _drain(answer, container, cursor)

    fuzz(spoilt_bytes([frames, chunked]), check, fuzz_seconds)


def _drain(answer: Answer, container: Container, cursor: logs.Cursor | None) -> None:
    for batch in logs.lines(answer, container, cursor):
        for line in batch:
            json.dumps(line.line)
    if cursor is not None:
        cursor.resume()


def test_records_of_the_wire(fuzz_seconds: float) -> None:
    content = wire.message({"do": "open", "places": []}) + wire.message({"x": 1})

    def check(spoiled: bytes) -> None:
        stream = io.BytesIO(spoiled)
        with contextlib.suppress(wire.Closed, wire.WireError):
            while True:
                wire.receive(stream.read)

    fuzz(spoilt_bytes([content]), check, fuzz_seconds)


def _as_lines(document: Any) -> list[str]:
    many = document if isinstance(document, list) else [document]
    return [json.dumps(one) for one in many]


def test_the_progress_of_a_build(fuzz_seconds: float) -> None:
    def check(document: Any) -> None:
        log = BuildLog(io.StringIO())
        for line in _as_lines(document):
            list(log.feed(line))
        log.failed()
        log.steps()
        log.bases()
        log.last_lines()
        log.dockerfile_line()
        log.last_error()
        log.has_triggers()

    fuzz(spoilt(documents.PROGRESS), check, fuzz_seconds)


def test_what_compose_would_build(fuzz_seconds: float) -> None:
    def check(document: Any) -> None:
        with contextlib.suppress(Unclear):
            definition_of(json.dumps(document))

    fuzz(spoilt(documents.BAKE), check, fuzz_seconds)


def test_a_name_that_no_file_can_have_is_a_file_that_is_not_there(folder: Path) -> None:
    context = folder / "web"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY \0zero a/\0/b* /\n")
    model = model_of(folder, service_of(Build(str(context), "Dockerfile", {}), "web"))
    assert build_inputs(model, Engine(), folder / "cache")["web"].digest


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: web, env_file: [{required: false}]}}",
        "services: {web: {image: web, env_file: ['a\\0b']}}".replace("'", '"'),
        "include: [{env_file: a.env}]\nservices: {web: {image: web}}",
        "include: [{path: []}]\nservices: {web: {image: web}}",
    ],
)
def test_files_that_are_named_without_a_path_are_left_to_compose(folder: Path, text: str) -> None:
    (folder / "compose.yaml").write_text(text)
    files = compose_files(folder, (), {})
    reached(files, folder, {})
    assert [path for path in included_env_files(files, folder) if path.name == "a.env"] == []


@pytest.mark.parametrize(
    "text",
    [
        "services: " + "[" * 50_000,
        "- " * 50_000,
        "{a: " * 50_000,
        "x-made: 2026-02-30",
        'x-made: !!int ""',
        "x-made: !!bool perhaps",
        "x-made: !!timestamp today",
    ],
)
def test_compose_files_that_can_not_be_read_here_are_left_to_compose(
    folder: Path, text: str
) -> None:
    (folder / "compose.yaml").write_text(text)
    assert reached(compose_files(folder, (), {}), folder, {}) is None


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("opening", ["- ", "? ", "- ? "])
@pytest.mark.parametrize("levels", [1_000, 50_000])
def test_a_compose_file_that_is_nested_deeply_is_left_to_compose(
    folder: Path, opening: str, levels: int, encoding: str, line_break: str
) -> None:
    text = f"\ufeffx-nested:{line_break}{opening * levels}deep{line_break}services: {{}}"
    (folder / "compose.yaml").write_bytes(text.encode(encoding))
    assert reached([folder / "compose.yaml"], folder, {}) is None


@pytest.mark.parametrize(
    "line",
    [
        "x-text: '" + "[" * 2000 + "'",
        " " * 1200 + "x-indented",
        "x-flat: [" + "[], " * 2000 + "]",
        "# " + "- " * 1200,
    ],
)
def test_what_is_not_nested_is_read_by_the_fast_loader(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(yaml, "SafeLoader", None)
    file = folder / "compose.yaml"
    file.write_text(f"services: {{}}\nx-before: a\n{line}\n")
    assert reached([file], folder, {})


def test_both_loaders_of_yaml_find_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted(CORPUS.rglob("compose.yaml"))
    results = []
    for loader in (sources.LIBYAML, "SafeLoader"):
        monkeypatch.setattr(sources, "LIBYAML", loader)
        sources._parsed.cache_clear()
        results.append([reached([file], file.parent, {}) for file in files])
    assert results[0] == results[1]
    assert len([one for one in results[0] if one]) > 10


def test_a_number_without_an_end_is_an_answer_that_can_not_be_read() -> None:
    document = {**documents.INSPECTED, "RestartCount": float("inf")}
    client = cast("Any", Answers({"inspect": document}))
    with pytest.raises(TaskFailure, match="can't be read"):
        probe(client, "c1", Expected(ports=(80,)), FirstSeen(), Waited(), lambda _: None)
