from __future__ import annotations

from pathlib import Path

import pytest

from processing.scoring import Policy
from processing.settings import InvalidSetting, read_settings

FILE = "POSTGRES_PASSWORD_FILE"
PASSWORD = {FILE: str(Path(__file__).with_name("password.txt"))}


def test_what_is_not_set_has_its_default() -> None:
    settings = read_settings(PASSWORD)
    assert settings.kafka_bootstrap == "kafka:9092"
    assert settings.spark_master == "spark://spark-master:7077"
    assert settings.postgres.database == "tiktok_safety_db"
    assert settings.postgres.port == 5432
    assert settings.policy == Policy(fusion=True, text_weight=0.3, threshold=0.5)


def test_what_fits_the_machine_can_be_set() -> None:
    chosen = {"BATCH_POSTS": "500", "CLIP_DOWNLOADS": "16", "EXECUTOR_MEMORY": "900m"}
    settings = read_settings({**PASSWORD, **chosen})
    assert (settings.batch_posts, settings.clip_downloads) == (500, 16)
    assert settings.executor_memory == "900m"
    for name, wrong in (("BATCH_POSTS", "-1"), ("CLIP_DOWNLOADS", "0"), ("EXECUTOR_MEMORY", "1")):
        with pytest.raises(InvalidSetting, match=f"^{name} must be a "):
            read_settings({**PASSWORD, name: wrong})


def test_hosts_of_clips_have_a_port_or_any() -> None:
    assert read_settings(PASSWORD).clip_hosts == {("feed", 8000)}
    settings = read_settings({**PASSWORD, "CLIP_HOSTS": "Feed:8000, cdn.local ,[::1]:80"})
    assert settings.clip_hosts == {("feed", 8000), ("cdn.local", None), ("::1", 80)}
    for wrong in ("http://feed:8000", "feed:x", "feed:8000/a", "feed,,", "a@feed", "feed:0"):
        with pytest.raises(InvalidSetting, match=r"^CLIP_HOSTS must be hosts like feed:8000"):
            read_settings({**PASSWORD, "CLIP_HOSTS": wrong})


def test_set_but_empty_is_not_set() -> None:
    assert read_settings({**PASSWORD, "TEXT_WEIGHT": "", "POSTGRES_PORT": " "}) == read_settings(
        PASSWORD
    )


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
def test_fusion_can_be_switched_off(text: str) -> None:
    assert not read_settings({**PASSWORD, "USE_FUSION_MODEL": text}).policy.fusion


@pytest.mark.parametrize("text", ["0", "1", "0.25", "1e-3"])
def test_weight_and_threshold_are_numbers_from_0_to_1(text: str) -> None:
    settings = read_settings({**PASSWORD, "TEXT_WEIGHT": text, "DECISION_THRESHOLD": text})
    assert settings.policy.text_weight == settings.policy.threshold == float(text)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("USE_FUSION_MODEL", "maybe", "USE_FUSION_MODEL must be true or false, is 'maybe'"),
        ("TEXT_WEIGHT", "1.5", "TEXT_WEIGHT must be a number from 0 to 1, is '1.5'"),
        ("TEXT_WEIGHT", "0,3", "TEXT_WEIGHT must be a number from 0 to 1, is '0,3'"),
        ("TEXT_WEIGHT", "-0.1", "TEXT_WEIGHT must be a number from 0 to 1, is '-0.1'"),
        ("DECISION_THRESHOLD", "abc", "DECISION_THRESHOLD must be a number from 0 to 1, is 'abc'"),
        ("DECISION_THRESHOLD", "nan", "DECISION_THRESHOLD must be a number from 0 to 1, is 'nan'"),
        ("POSTGRES_PORT", "0", "POSTGRES_PORT must be a port (1 to 65535), is '0'"),
        ("POSTGRES_PORT", "99999", "POSTGRES_PORT must be a port (1 to 65535), is '99999'"),
        ("POSTGRES_PORT", "²", "POSTGRES_PORT must be a port (1 to 65535), is '²'"),
        (FILE, "", f"{FILE} must be set"),
        (FILE, "/dev/null", f"{FILE}: /dev/null is empty"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(name: str, text: str, message: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_settings({**PASSWORD, name: text})
    assert str(caught.value) == message


def test_the_password_is_not_shown() -> None:
    settings = read_settings(PASSWORD)
    assert settings.postgres.password == "wordpass"
    assert "wordpass" not in repr(settings)
