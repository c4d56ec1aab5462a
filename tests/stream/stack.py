"""Kafka, PostgreSQL and the job, small, from the stack's own images."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from processing.scoring import Policy, combine, is_flagged
from tests.stream.messages import Message, rejections, rows

ROOT = Path(__file__).parents[2]
JOB = "spark-processor"
PATIENCE_SECONDS = float(os.environ.get("STREAM_PATIENCE", "240"))
POLL_SECONDS = 0.5

HERE = Path(__file__).parent
SERVICES = ("postgres", "migrate", "kafka", "client", "clips", "crawler", JOB)

ROWS = """
SELECT scored_posts.*, manifest -> 'fusion' -> 'exponent' AS exponent
FROM scored_posts LEFT JOIN scoring_models USING (model)
"""

Found = TypeVar("Found")
_numbers = itertools.count(1)


class Producer:
    """What takes messages while it is open."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self.sent: list[Message] = []

    def send(self, messages: Iterable[Message]) -> None:
        """Hands messages on, in their order."""
        assert self._program.stdin is not None
        batch = list(messages)
        self._program.stdin.write(b"".join(message.line for message in batch))
        self._program.stdin.flush()
        self.sent += batch


class Stack:
    """The running services, and what can be done to them.

    ``tree`` is the repository whose code and images they are, ``settings`` are its variables;
    ``code`` and ``models`` are copies of the job's code and models, to be edited; ``passwords`` are
    those of the database's roles, by variable.
    """

    def __init__(self, tree: Path, code: Path, settings: dict[str, str], health: str) -> None:
        self.tree = tree
        self.code = code
        self.models = code.with_name("models")
        self.sent: list[Message] = []
        self._health = health
        self.passwords = {
            f"POSTGRES_{role}PASSWORD": f"{role.lower()}{secrets.token_hex(12)}"
            for role in ("", "WRITER_", "READER_", "MODERATOR_", "CRAWLER_", "AIRFLOW_")
        }
        self.settings = settings
        self._pause = threading.Event()
        self._project = f"ct-stream-{os.getpid()}-{next(_numbers)}"
        self._environment = {
            **os.environ,
            "STREAM_CODE": str(code),
            "STREAM_MODELS": str(self.models),
            "STREAM_TESTS": str(HERE),
            "STREAM_SPARK": "ct-stream-spark" if tree == ROOT else "ct-stream-spark-before",
        }

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, tree: Path, settings: dict[str, str], health: str = "supervisor.health"
    ) -> Iterator[Stack]:
        """The services for the block; taken away at its end with all they kept."""
        with tempfile.TemporaryDirectory(prefix="ct-stream-", ignore_cleanup_errors=True) as place:
            code = Path(place, "processing")
            source = tree / "compose" / "processing"
            shutil.copytree(source, code, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copytree(tree / "train_eval_module", Path(place, "models"))
            Path(place).chmod(0o755)
            result = cls(tree, code, settings, health)
            result.compose("build", "postgres", "migrate", "kafka", "clips", JOB)
            try:
                result.compose("up", "-d", "--no-build", *SERVICES)
                result.wait_until_streaming()
                yield result
            finally:
                logs = os.environ.get("STREAM_LOGS")
                if logs:
                    Path(logs).write_text(result.compose("logs", "--no-color", check=False))
                result.compose("down", "--volumes", "--timeout", "5", check=False)

    def started(self, argv: list[str]) -> subprocess.Popen[bytes]:
        """A program that is spoken with while it runs."""
        return subprocess.Popen(
            argv,
            cwd=self.tree,
            env={**self._environment, **self.settings, **self.passwords},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @contextlib.contextmanager
    def psql(self, database: str) -> Iterator[subprocess.Popen[bytes]]:
        """psql in a database, as its superuser."""
        argv = self._argv("exec", "-T", "postgres", "psql", "-qAtU", "user", "-d", database)
        with self.started(argv) as program:
            yield program
            program.communicate()

    def compose(self, *words: str, stdin: bytes | None = None, check: bool = True) -> str:
        """Compose's standard output."""
        done = subprocess.run(
            self._argv(*words),
            cwd=self.tree,
            env={**self._environment, **self.settings, **self.passwords},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    def _argv(self, *words: str) -> list[str]:
        files = ("compose/compose.yaml", "compose/compose.airgap.yaml", str(HERE / "compose.yaml"))
        settings = ROOT / ".env"
        return [
            *("docker", "compose", "-p", self._project),
            *(("--env-file", str(settings)) if settings.exists() else ()),
            *(word for file in files for word in ("-f", file)),
            *words,
        ]

    def inspect(self, service: str = JOB) -> dict[str, Any]:
        """The service's container, as the engine has it."""
        container = self.compose("ps", "-aq", service).strip()
        done = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
        result: dict[str, Any] = json.loads(done.stdout)[0]
        return result

    def unpause(self) -> None:
        """Lets what is paused go on. By name: `unpause` gives up at the first that is not paused,
        and leaves others as they are."""
        paused = self.compose("ps", "--status", "paused", "--services").split()
        if paused:
            self.compose("unpause", *paused)

    def heal(self) -> None:
        """Let all run again. What was paused is unhealthy until it is probed once more, and Compose
        starts nothing that depends on such a one."""
        self.unpause()
        stores = ("postgres", "kafka")
        self.compose("start", *stores)

        def healthy() -> bool:
            states = (self.inspect(service)["State"] for service in stores)
            return all(state["Health"]["Status"] == "healthy" for state in states)

        self.wait_for(healthy, "what keeps data is healthy")
        self.compose("start", JOB)

    def recreate(self) -> None:
        """Takes the job's container away, whatever it is doing, and makes another."""
        self.compose("rm", "--stop", "--force", JOB)
        self.compose("up", "-d", "--no-build", "--no-deps", JOB)

    @contextlib.contextmanager
    def master(self, address: str) -> Iterator[None]:
        """A Spark master that has no worker yet, and the job at it, for the block."""
        self._environment["STREAM_MASTER"] = address
        try:
            self.compose("up", "-d", "--no-build", "--wait", "spark-master")
            self.recreate()
            yield
        finally:
            del self._environment["STREAM_MASTER"]
            self.recreate()
            self.compose("rm", "--stop", "--force", "spark-worker", "spark-master")

    def kill_program(self, name: str) -> None:
        """Kills the job's JVM, "java", or its Python workers, "python"."""
        pattern = {"java": "^[^ ]*java ", "python": "-m warm_daemon"}[name]
        self.compose("exec", "-T", JOB, "pkill", "-9", "-f", "--", pattern, check=False)

    def health(self) -> str:
        """What the job's health check says now."""
        return self.compose("exec", "-T", JOB, "python3", "-m", self._health, check=False)

    def send(self, messages: Iterable[Message]) -> None:
        """Puts messages on topic posts, in their order."""
        with self.producer() as producer:
            producer.send(messages)

    @contextlib.contextmanager
    def producer(self) -> Iterator[Producer]:
        """Kafka's console producer for the block, which gets all that it was sent to its topic."""
        # Its patience is a minute: on a busy machine a Kafka that was just started takes longer.
        self.wait_for(
            lambda: self.inspect("kafka")["State"]["Health"]["Status"] == "healthy", "Kafka is up"
        )
        argv = self._argv(
            *("exec", "-T", "-e", "KAFKA_HEAP_OPTS=-Xmx1g", "client"),
            *("/opt/kafka/bin/kafka-run-class.sh", "org.apache.kafka.tools.ConsoleProducer"),
            *("--bootstrap-server", "kafka:9092", "--topic", "posts"),
            *("--property", "parse.key=true", "--compression-codec", "gzip", "--timeout", "10"),
            *("--producer-property", "max.request.size=100000000"),
            *("--producer-property", "buffer.memory=200000000"),
            *("--producer-property", "enable.idempotence=true"),
        )
        with self.started(argv) as program:
            producer = Producer(program)
            yield producer
            said, _ = program.communicate()
        if program.returncode or b"ERROR" in said:
            raise AssertionError(f"the producer: {said.decode(errors='replace')}")
        self.sent += producer.sent

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows that a query gives."""
        query = f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) AS found"
        answer = self.compose(
            *("exec", "-T", "postgres", "psql", "-qAtU", "user", "-d", "tiktok_safety_db"),
            *("-v", "ON_ERROR_STOP=1"),
            stdin=query.encode(),
        )
        result: list[dict[str, Any]] = json.loads(answer)
        return result

    def told(self, topic: str) -> dict[str, dict[str, Any]]:
        """What a topic of rejections holds, by key: told twice is told once."""
        answer = self.compose(
            *("exec", "-T", "client", "/opt/kafka/bin/kafka-console-consumer.sh"),
            *("--bootstrap-server", "kafka:9092", "--topic", topic, "--from-beginning"),
            *("--timeout-ms", "6000", "--property", "print.key=true"),
            check=False,
        )
        lines = (line.partition("\t") for line in answer.splitlines() if "\t" in line)
        return {key: json.loads(value) for key, _, value in lines}

    def feed(self, word: str) -> None:
        """Makes the feed of clips good or bad."""
        address = self.compose("port", "clips", "8000").strip()
        with urllib.request.urlopen(f"http://{address}/{word}", timeout=30) as answer:
            assert answer.status == 200

    def wait_for(
        self, condition: Callable[[], Found], what: str, seconds: float = PATIENCE_SECONDS
    ) -> Found:
        """What a condition gives as soon as that is true."""
        for _ in range(int(seconds / POLL_SECONDS)):
            result = condition()
            if result:
                return result
            self._pause.wait(POLL_SECONDS)
        logs = self.compose("logs", "--no-log-prefix", "--tail", "60", JOB)
        raise AssertionError(f"not within {seconds:.0f} s: {what}; health: {self.health()}\n{logs}")

    def wait_for_a_moment(self, seconds: float) -> None:
        """Lets a fault last: how long is part of what is tried, and nothing is expected of it."""
        self._pause.wait(seconds)

    def wait_until_streaming(self) -> None:
        """The job says that it works."""
        self.wait_for(lambda: self.health().startswith("streaming"), "the stream works")

    def settle(self) -> None:
        """Waits until the table and the topic of rejections hold exactly what was sent."""
        wanted = rows(self.sent)
        self.wait_for(lambda: self._differing(wanted) == {}, "rows are the messages")
        result = rejections(self.sent)

        def missing() -> dict[str, int]:
            told = (one["raw"][:1000] for one in self.told("posts.rejected").values())
            left = dict(result)
            for raw in told:
                left[raw] = left.get(raw, 0) - 1
            return {raw: number for raw, number in left.items() if number}

        self.wait_for(lambda: not missing(), "rejections are the bad messages", seconds=60)

    def _differing(self, wanted: dict[str, dict[str, str]]) -> dict[str, object]:
        """Where the table is not what it must be."""
        results = {row["post_id"]: row for row in self.sql(ROWS)}
        differing: dict[str, object] = {
            name: (wanted.get(name), results.get(name)) for name in wanted.keys() ^ results.keys()
        }
        for name in wanted.keys() & results.keys():
            row, post = results[name], wanted[name]
            same = all(row[key] == post[key] for key in ("author", "caption", "video_url"))
            if not (same and row["crawled_at"][:19] == post["crawled_at"][:19] and is_scored(row)):
                differing[name] = (post, row)
        return differing


def is_scored(row: dict[str, Any]) -> bool:
    """Whether a row has its final score, by the rule that it names."""
    if row["video_score"] is None:
        return False
    policy = Policy(row["fusion"], row["text_weight"], row["threshold"], row["exponent"])
    score = combine(row["text_score"], row["video_score"], policy)
    return bool(abs(row["score"] - score) < 1e-6 and row["flagged"] == is_flagged(score, policy))
