"""No secret in what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import EnvFile, Environment, Reading, Variable
from composetasks.run.masking import MASK, mask, masked, secret, secret_name, secrets, spellings

SECRET = 'hunter2 "$x\\y'


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "PGPASSWORD", "password", "API_KEY", "AWS_SECRET_ACCESS_KEY", "FERNET_KEY",
     "GITHUB_TOKEN", "SECRET_KEY_BASE", "DB_PASS", "DB_PWD", "AIRFLOW__API__SECRET_KEY",
     "ENCRYPTION_KEY2", "GOOGLE_CREDENTIALS"],
)  # fmt: skip
def test_a_name_tells_a_secret(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "PASSWORD_FILE", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD",
     "SSH_PUBLIC_KEY", "PASSENGER", "COMPASS", "TOKEN_TTL", "AWS_ACCESS_KEY_ID"],
)  # fmt: skip
def test_a_name_about_a_secret_is_none(name: str) -> None:
    assert not secret_name(name)


def environment(
    process: dict[str, str] | None = None, specified: dict[str, str] | None = None, **values: str
) -> Environment:
    readings = tuple(Reading(name, n, value) for n, (name, value) in enumerate(values.items(), 1))
    return Environment(
        folder=Path("/srv/shop"),
        process=process or {},
        files=(EnvFile(Path("/srv/shop/.env"), compose=readings),),
        variables=tuple(
            Variable(name, 1, type=tuple(words.split()))
            for name, words in (specified or {}).items()
        ),
    )


def test_the_specification_says_what_a_secret_is_before_the_name_does() -> None:
    known = environment(specified={"GREETING": "secret", "ALLOW_EMPTY_PASSWORD": "bool"})
    assert secret(known, "GREETING")
    assert not secret(known, "ALLOW_EMPTY_PASSWORD")
    assert secret(known, "OTHER_PASSWORD")


def test_a_secret_is_masked_however_it_is_spelled() -> None:
    found = secrets(environment(DB_PASSWORD=SECRET))
    for spelled in (SECRET, json.dumps(SECRET), quote(SECRET, safe=""), SECRET.replace("$", "$$")):
        assert mask(f"x{spelled}y", found).count(MASK) == 1
        assert "hunter2" not in mask(f"x{spelled}y", found)


def test_secrets_of_the_process_and_passwords_in_urls_are_masked() -> None:
    known = environment({"GITHUB_TOKEN": "ghp_0123456789"}, DATABASE_URL="pg://u:pa55word@h/d")
    found = secrets(known)
    text = "ghp_0123456789 pa55word redis://:other@h/0 https://h/?a=1&api_key=k9 pg://u:p@ss@h"
    assert (
        mask(text, found)
        == f"{MASK} {MASK} redis://:{MASK}@h/0 https://h/?a=1&api_key={MASK} pg://u:{MASK}@h"
    )


def test_lines_of_a_secret_of_several_lines_are_masked_alone() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----"
    assert mask("  MIIEvQIBADAN", secrets(environment(PRIVATE_KEY=key))) == f"  {MASK}"


def test_what_everybody_knows_stays_readable() -> None:
    known = environment(
        POSTGRES_PASSWORD="postgres", POSTGRES_USER="shop-user", A_PASSWORD="shop-user", B_TOKEN="1"
    )
    assert secrets(known) == frozenset()
    assert secrets(environment(A_PASSWORD="worker-1"), public={"worker-1"}) == frozenset()


def test_a_short_secret_is_masked_only_where_it_stands_alone() -> None:
    found = secrets(environment(PIN_PASSWORD="4711"))
    assert mask("port 47110, pin=4711.", found) == f"port 47110, pin={MASK}."


def test_nested_data_is_masked_under_secret_names_and_by_value() -> None:
    data = {
        "environment": {"DB_PASSWORD": "x", "USER": "me", "EMPTY_PASSWORD": ""},
        "command": ["--password=abcdefgh", "DB_PASSWORD=x", "run"],
        "replicas": 2,
    }
    assert masked(data, {"abcdefgh"}) == {
        "environment": {"DB_PASSWORD": MASK, "USER": "me", "EMPTY_PASSWORD": ""},
        "command": [f"--password={MASK}", f"DB_PASSWORD={MASK}", "run"],
        "replicas": 2,
    }
    assert data["replicas"] == 2


@given(st.text(min_size=6, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives(value: str, before: str, after: str) -> None:
    hidden = spellings(value)
    if not hidden:
        return
    for text in (value, json.dumps(value)[1:-1], quote(value, safe="", errors="replace")):
        shown = mask(before + text + after, hidden)
        left = shown.replace(MASK, "\0")
        assert not any(one in left for one in hidden if len(one) >= 6)
