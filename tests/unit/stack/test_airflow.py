"""What runs in Airflow's container: the DAG, the health check, the clean-up, the check's rule."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from processing.scoring import Policy, combine, is_flagged
from rule import complaint, verdict

COMPOSE = Path(__file__).parents[3] / "compose"


def module(path: str) -> Any:
    """A program, loaded by its place: it stands in a container alone."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, COMPOSE / path)
    assert spec is not None
    assert spec.loader is not None
    result = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    return result


class Airflow(ModuleType):
    """As much of `airflow.sdk` as the DAG speaks of: it notes what it is told."""

    def __init__(self) -> None:
        super().__init__("airflow.sdk")
        self.said: dict[str, Any] = {}
        self.tasks: list[Any] = []

    def Param(self, default: object, **_: object) -> object:
        return default

    def dag(self, **said: Any) -> Any:
        self.said = said
        return lambda draw: draw

    def task(self, act: Any) -> Any:
        self.tasks.append(act)
        return lambda: None


TELLS = """
import multiprocessing, os, run, signal, sys
def tell(word):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    name = multiprocessing.current_process().name
    print(word, name, os.getsid(0) == os.getpid(), len(blocked), flush=True)
    sys.exit(7)
signal.pthread_sigmask(signal.SIG_BLOCK, (*run.STOP, signal.SIGCHLD))
part = run.start(tell, "scheduler")
part.join()
print(part.exitcode)
"""


def test_a_part_of_airflow_takes_signals_as_a_program_of_its_own() -> None:
    """By another name than MainProcess the scheduler takes no notice of a stop."""
    environment = {**os.environ, "PYTHONPATH": str(COMPOSE / "airflow")}
    argv = [sys.executable, "-c", TELLS]
    told = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["scheduler", "MainProcess", "True", "0", "7"]


@pytest.mark.parametrize(("minutes", "every"), [("", 5), ("2", 2)])
def test_the_dag_crawls_every_few_minutes_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, minutes: str, every: int
) -> None:
    airflow, run = Airflow(), ModuleType("crawler.run")
    asked: list[bool] = []

    class Done:
        read, sent, deleted = 3, 2, 1

    def crawl_feed(environment: object, *, resend: bool) -> Done:
        asked.append(resend)
        return Done()

    run.crawl_feed = crawl_feed  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.sdk", airflow)
    monkeypatch.setitem(sys.modules, "crawler.run", run)
    monkeypatch.setenv("CRAWL_MINUTES", minutes)
    module("dags/feed_to_kafka.py")
    assert airflow.said["schedule"] == timedelta(minutes=every)
    assert (airflow.said["max_active_runs"], airflow.said["catchup"]) == (1, False)
    [crawl] = airflow.tasks
    assert crawl({"resend": True}) == {"read": 3, "sent": 2, "deleted": 1}
    crawl({"resend": False})
    crawl(None)
    assert asked == [True, False, False]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"scheduler": "healthy", "metadatabase": "healthy", "dag_processor": "healthy"}, ""),
        ({"scheduler": "unhealthy", "metadatabase": "healthy"}, "scheduler, dag_processor"),
        (None, "the API does not answer"),
    ],
)
def test_airflow_is_healthy_when_all_of_its_parts_are(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    parts: dict[str, str] | None,
    said: str,
) -> None:
    health = module("airflow/healthcheck.py")

    def answer(*_: object, **__: object) -> io.BytesIO:
        if parts is None:
            raise ConnectionRefusedError
        return io.BytesIO(json.dumps({k: {"status": v} for k, v in parts.items()}).encode())

    monkeypatch.setattr(health.urllib.request, "urlopen", answer)
    assert health.main() == (1 if said else 0)
    assert said in capsys.readouterr().out


def test_logs_that_are_old_go_and_then_the_oldest_of_too_many(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cleanup = module("airflow/cleanup.py")
    monkeypatch.setattr(cleanup, "LOGS", tmp_path)
    now = datetime.now(timezone.utc)
    for days in range(5):
        file = tmp_path / f"run{days}" / "1.log"
        file.parent.mkdir()
        file.write_bytes(b"x" * 100)
        written = (now - timedelta(days=days)).timestamp()
        os.utime(file, (written, written))
    assert cleanup.remove_logs(now - timedelta(days=3, hours=1), 1000) == 1
    assert cleanup.remove_logs(now - timedelta(days=99), 250) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run0", "run1"]


def test_the_check_has_the_job_s_rule() -> None:
    policy = Policy(fusion=True, text_weight=0.3, threshold=0.5, exponent=4.0)
    score = combine(0.2, 0.9, policy)
    row = {
        "text_score": 0.2,
        "video_score": 0.9,
        "score": score,
        "flagged": is_flagged(score, policy),
        "fusion": True,
        "text_weight": 0.3,
        "threshold": 0.5,
        "exponent": 4.0,
    }
    assert complaint(row) is None
    assert verdict(row) == "flagged"
    for wrong in ({"score": score + 0.01}, {"flagged": False}, {"fusion": False}):
        assert "expected score" in (complaint({**row, **wrong}) or "")
    alone = {**row, "fusion": False, "video_score": None, "score": 0.2, "flagged": False}
    assert complaint(alone) is None
    assert verdict(alone) == "clear"
