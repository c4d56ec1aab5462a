"""What containers were made from is kept without its secrets."""

from __future__ import annotations

from pathlib import Path

from composetasks.run import made, masking

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
    masked = made.mask(CONFIG, KEY)
    assert "hunter2" not in str(masked)
    assert masked["environment"]["WEIGHT"] == "0.3"
    assert masked["environment"]["DATABASE"].startswith("postgres://user:***")


def test_a_changed_secret_is_still_a_change() -> None:
    other = {"environment": {"POSTGRES_PASSWORD": "another"}}
    one = {"environment": {"POSTGRES_PASSWORD": "hunter2hunter2"}}
    assert made.mask(one, KEY) != made.mask(other, KEY)
    assert made.mask(one, KEY) == made.mask(dict(one), KEY)


def test_a_digest_can_not_be_had_without_the_key() -> None:
    assert made.mask(CONFIG, b"another") != made.mask(CONFIG, KEY)


def test_the_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    key = made.digest_key(tmp_path)
    assert len(key) == made.KEY_BYTES
    assert made.digest_key(tmp_path) == key
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_hidden_value_is_masked_in_free_text_and_nowhere_else() -> None:
    masking.hide(["open-sesame"])
    try:
        masked = made.mask(
            {
                "image": "open-sesame:1",
                "command": ["say", "open-sesame!"],
                "labels": {"word": "open-sesame"},
                "build": {"context": "/open-sesame", "args": {"WORD": "open-sesame"}},
            },
            KEY,
        )
    finally:
        masking.unhide(["open-sesame"])
    assert masked["image"] == "open-sesame:1"
    assert masked["build"]["context"] == "/open-sesame"
    assert "sesame" not in str([masked["command"], masked["labels"], masked["build"]["args"]])


def test_kept_configurations_are_found_by_their_hash(tmp_path: Path) -> None:
    made.save(tmp_path, "abc", made.mask(CONFIG, KEY))
    assert made.load(tmp_path, ["abc", "missing", ""]) == {"abc": made.mask(CONFIG, KEY)}
