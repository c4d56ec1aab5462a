"""What containers were made from is kept without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.run import masking
from composetasks.store import container_configs

KEY = b"key"
CONFIG = {
    "environment": {
        "POSTGRES_PASSWORD": "hunter2hunter2",
        "DATABASE": "postgres://user:hunter2hunter2@db/x",
        "WEIGHT": "0.3",
    },
    "command": ["run", "--url", "amqp://u:hunter2hunter2@mq"],
}


def test_no_secret_is_left() -> None:
    masked = container_configs.mask(CONFIG, KEY)
    assert "hunter2" not in str(masked)
    assert masked["environment"]["WEIGHT"] == "0.3"
    assert masked["environment"]["DATABASE"].startswith("postgres://user:***")


def test_a_changed_secret_is_still_a_change() -> None:
    other = {"environment": {"POSTGRES_PASSWORD": "another"}}
    one = {"environment": {"POSTGRES_PASSWORD": "hunter2hunter2"}}
    assert container_configs.mask(one, KEY) != container_configs.mask(other, KEY)
    assert container_configs.mask(one, KEY) == container_configs.mask(dict(one), KEY)


def test_a_digest_can_not_be_had_without_the_key() -> None:
    assert container_configs.mask(CONFIG, b"another") != container_configs.mask(CONFIG, KEY)


def test_the_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    key = container_configs.digest_key(tmp_path)
    assert len(key) == container_configs.KEY_BYTES
    assert container_configs.digest_key(tmp_path) == key
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_hidden_value_is_masked_in_free_text_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "_hidden", {"open-sesame"})
    masked = container_configs.mask(
        {
            "image": "open-sesame:1",
            "command": ["say", "open-sesame!"],
            "labels": {"word": "open-sesame"},
            "build": {"context": "/open-sesame", "args": {"WORD": "open-sesame"}},
        },
        KEY,
    )
    assert masked["image"] == "open-sesame:1"
    assert masked["build"]["context"] == "/open-sesame"
    assert "sesame" not in str([masked["command"], masked["labels"], masked["build"]["args"]])


def test_kept_configurations_are_found_by_their_hash(tmp_path: Path) -> None:
    container_configs.save(tmp_path, "abc", container_configs.mask(CONFIG, KEY))
    assert container_configs.load(tmp_path, ["abc", "missing", ""]) == {
        "abc": container_configs.mask(CONFIG, KEY)
    }
