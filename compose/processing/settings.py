"""The job's environment, read and checked once, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from processing.fetch import Hosts
from processing.scoring import Policy

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


class InvalidSetting(Exception):
    """A variable the job can't work with. Its text is one line that names it."""


@dataclass(frozen=True)
class Postgres:
    """Where the rows go."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides.

    `batch_posts` are the posts that a batch has at most (0: as fit the workers' cores);
    `clip_downloads` the clips that each core fetches at once; `clip_hosts` the hosts inside that
    clips may come from; `executor_memory` is Spark's word for a worker's JVM ("" is Spark's own
    default).
    """

    kafka_bootstrap: str
    spark_master: str
    postgres: Postgres
    policy: Policy
    batch_posts: int = 0
    clip_downloads: int = 8
    clip_hosts: Hosts = frozenset()
    executor_memory: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the job is its own worker."""
        return self.spark_master.startswith("local")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment, and in the file of a secret that it names. Raises
    InvalidSetting at the first one that is wrong."""
    return Settings(
        kafka_bootstrap=_text(environment, "KAFKA_BOOTSTRAP", "kafka:9092"),
        spark_master=_text(environment, "SPARK_MASTER", "spark://spark-master:7077"),
        postgres=Postgres(
            host=_text(environment, "POSTGRES_HOST", "postgres"),
            port=_port(environment, "POSTGRES_PORT", "5432"),
            database=_text(environment, "POSTGRES_DB", "tiktok_safety_db"),
            user=_text(environment, "POSTGRES_USER", "writer"),
            password=_content(environment, "POSTGRES_PASSWORD_FILE"),
        ),
        policy=Policy(
            fusion=_truth(environment, "USE_FUSION_MODEL", "true"),
            text_weight=_share(environment, "TEXT_WEIGHT", "0.3"),
            threshold=_share(environment, "DECISION_THRESHOLD", "0.5"),
        ),
        batch_posts=_number(environment, "BATCH_POSTS", "0", 0, 100_000),
        clip_downloads=_number(environment, "CLIP_DOWNLOADS", "8", 1, 64),
        clip_hosts=_hosts(environment, "CLIP_HOSTS", "feed:8000"),
        executor_memory=_size(environment, "EXECUTOR_MEMORY"),
    )


def _text(environment: Mapping[str, str], name: str, default: str) -> str:
    # Compose turns a variable that is not set into an empty one: both mean the default.
    return environment.get(name, "").strip() or default


def _content(environment: Mapping[str, str], name: str) -> str:
    file = environment.get(name, "")
    if not file:
        raise InvalidSetting(f"{name} must be set")
    try:
        content = Path(file).read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{name}: {file} can't be read: {error}") from None
    if not content:
        raise InvalidSetting(f"{name}: {file} is empty")
    return content


def _number(environment: Mapping[str, str], name: str, default: str, least: int, most: int) -> int:
    text = _text(environment, name, default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise InvalidSetting(f"{name} must be a number from {least} to {most}, is {text!r}")
    return int(text)


def _size(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "").strip()
    if text and not re.fullmatch(r"[1-9]\d{0,5}[mg]", text):
        raise InvalidSetting(f"{name} must be a size like 900m or 2g, is {text!r}")
    return text


def _port(environment: Mapping[str, str], name: str, default: str) -> int:
    text = _text(environment, name, default)
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise InvalidSetting(f"{name} must be a port (1 to 65535), is {text!r}")
    return int(text)


def _hosts(environment: Mapping[str, str], name: str, default: str) -> Hosts:
    text = _text(environment, name, default)
    found = set()
    for word in text.split(","):
        try:
            parts = urlsplit(f"//{word.strip()}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.netloc != word.strip() or "@" in word or port == 0:
            raise InvalidSetting(f"{name} must be hosts like feed:8000, in commas, is {text!r}")
        found.add((host, port))
    return frozenset(found)


def _truth(environment: Mapping[str, str], name: str, default: str) -> bool:
    text = _text(environment, name, default)
    if text.lower() not in TRUE + FALSE:
        raise InvalidSetting(f"{name} must be true or false, is {text!r}")
    return text.lower() in TRUE


def _share(environment: Mapping[str, str], name: str, default: str) -> float:
    text = _text(environment, name, default)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:  # also false for nan
        raise InvalidSetting(f"{name} must be a number from 0 to 1, is {text!r}")
    return number
