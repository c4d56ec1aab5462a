"""No secret in what is shown."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import EnvFile, Environment, Reading, Variable
from composetasks.run import masking
from composetasks.run.masking import MASK, mask, masked, secret, secrets, spellings
from composetasks.run.secret_values import (
    OF_A_KIND,
    declared,
    parts,
    secret_name,
    token_patterns,
)

SECRET = 'hunter2 "$x\\y'


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "PGPASSWORD", "password", "API_KEY", "AWS_SECRET_ACCESS_KEY", "FERNET_KEY",
     "GITHUB_TOKEN", "SECRET_KEY_BASE", "DB_PASS", "DB_PWD", "AIRFLOW__API__SECRET_KEY",
     "ENCRYPTION_KEY2", "GOOGLE_CREDENTIALS", "DBPASS", "PGPASS", "STORAGE_ACCOUNT_KEY",
     "AccountKey", "SIGNING_KEY_V1", "PASSWORD_SALT", "REGISTRY_AUTH", "SLACK_WEBHOOK",
     "api-token"],
)  # fmt: skip
def test_a_name_tells_a_secret(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "PASSWORD_FILE", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD",
     "SSH_PUBLIC_KEY", "PASSENGER", "COMPASS", "BYPASS", "AUTHOR", "TOKEN_TTL",
     "AWS_ACCESS_KEY_ID", "POSTGRES_HOST_AUTH_METHOD"],
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
    result = secrets(environment(DB_PASSWORD=SECRET))
    for spelled in (SECRET, json.dumps(SECRET), quote(SECRET, safe=""), SECRET.replace("$", "$$")):
        assert mask(f"x{spelled}y", result).count(MASK) == 1
        assert "hunter2" not in mask(f"x{spelled}y", result)


def test_secrets_of_the_process_and_passwords_in_urls_are_masked() -> None:
    known = environment({"GITHUB_TOKEN": "ghp_0123456789"}, DATABASE_URL="pg://u:pa55word@h/d")
    result = secrets(known)
    text = "ghp_0123456789 pa55word redis://:other@h/0 https://h/?a=1&api_key=k9 pg://u:p@ss@h"
    assert (
        mask(text, result)
        == f"{MASK} {MASK} redis://:{MASK}@h/0 https://h/?a=1&api_key={MASK} pg://u:{MASK}@h"
    )


def test_lines_of_a_secret_of_several_lines_are_masked_alone() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----"
    assert mask("  MIIEvQIBADAN", secrets(environment(PRIVATE_KEY=key))) == f"  {MASK}"


def test_what_everybody_knows_stays_readable() -> None:
    assert secrets(environment(POSTGRES_PASSWORD="postgres", B_TOKEN="1")) == frozenset()


def test_that_another_variable_has_its_value_makes_a_secret_none() -> None:
    known = environment(APP_LOGIN="shop-user", A_PASSWORD="shop-user")
    assert secrets(known) == {"shop-user"}


def test_a_password_that_stands_in_a_public_name_is_a_word_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "_hidden", set())
    monkeypatch.setattr(masking, "_public", set())
    masking.hide(["airflow", "dify-sandbox", "hunter22"])
    masking.unhide(["airflow-init", "apache/airflow", "langgenius/dify-sandbox"])
    masking.hide(["airflow"])
    shown = masking.safe("airflow-init of apache/airflow:3.0.1 and dify-sandbox:0.2 has hunter22")
    assert shown == "airflow-init of apache/airflow:3.0.1 and dify-sandbox:0.2 has ***"
    assert masking.safe_data({"DB_PASSWORD": "airflow"}) == {"DB_PASSWORD": MASK}


def test_a_part_of_a_word_in_a_public_name_is_hidden_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "_hidden", set())
    monkeypatch.setattr(masking, "_public", set())
    masking.unhide(["registry.example.com/production/api"])
    masking.hide(["product"])
    assert masking.safe("product is the password") == f"{MASK} is the password"


def test_a_short_secret_is_masked_only_where_it_stands_alone() -> None:
    result = secrets(environment(PIN_PASSWORD="4711"))
    assert mask("port 47110, pin=4711.", result) == f"port 47110, pin={MASK}."


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


@pytest.mark.parametrize(
    ("text", "secret_parts"),
    [
        ("host=db password=s3cr3t-x dbname=a", {"s3cr3t-x"}),
        ("DefaultEndpoints=https;AccountName=shop;AccountKey=bm90IG9uZQ==;", {"bm90IG9uZQ=="}),
        ("https://ab12cd34ef@git.example.com/r.git", {"ab12cd34ef"}),
        ("amqp://user:pa/ss@queue:5672/v", {"pa/ss"}),
        ("ssh://git@example.com:22/a https://git@example.com/b", set()),
        ("registry:5000/image@sha256:0123 http://registry:5000/a@b", set()),
        ('{"user": "x", "password": "s3cr3t-x"}', {"s3cr3t-x"}),
        ("mysqld --ssl --password s3cr3t-x --port 1", {"s3cr3t-x"}),
        ("token: ${TOKEN} password: /run/secrets/db", set()),
        ("https://hooks.example.com/services/T0/B0/x9y8", {"services/T0/B0/x9y8"}),
        ("https://discord.example.com/api/webhooks/12345/x9y8z7", {"12345/x9y8z7"}),
        ("ghp_" + "a1B2" * 9, {"ghp_" + "a1B2" * 9}),
        ("AKIA" + "Q7ZX" * 4, {"AKIA" + "Q7ZX" * 4}),
        ("commit 3f2a9c81d7e64b05a1c3d9e8f7b6a5c4d3e2f1a0", set()),
        ("/usr/lib/python3.11/site-packages:/opt/tool-1.2.3/bin", set()),
    ],
)
def test_the_secret_parts_of_a_text(text: str, secret_parts: set[str]) -> None:
    assert set(parts(text)) == secret_parts


@pytest.mark.parametrize(
    ("text", "secret_part"),
    [
        ('DB_PASSWORD="my pass phrase" run', "my pass phrase"),
        ("DB_PASSWORD='my pass phrase' run", "my pass phrase"),
        ('{"password": "correct horse", "port": 5}', "correct horse"),
        (r'{"password": "a\"b c", "port": 5}', r"a\"b c"),
        (r'"{\"password\": \"a b\", \"port\": 5}"', "a b"),
        ('password="one quote', "one"),
    ],
)
def test_a_secret_in_quotes_ends_where_they_do(text: str, secret_part: str) -> None:
    assert list(parts(text)) == [secret_part]


@pytest.mark.parametrize(
    "repeated", ["password", "token_", "://", "://a:b", "x1", "mysql", 'a="a=']
)
def test_the_time_for_a_long_line_grows_with_its_length(repeated: str) -> None:
    """Of what grows with the square it would take 256 times as long; a minute, for these."""

    def work(length: int) -> float:
        text = "password " + repeated * (length // len(repeated))
        began = time.process_time()
        list(parts(text))
        return time.process_time() - began

    assert work(64_000) < 100 * max(work(4_000), 0.001)


def test_the_secrets_of_a_model_are_found_wherever_they_stand() -> None:
    model = {
        "services": {
            "web": {
                "build": {"args": {"NPM_TOKEN": "s3cr3t-arg"}},
                "command": ["serve", "--auth-token", "s3cr3t-flag", "--port", "80"],
                "environment": {"DB_PASSWORD": "s3cr3t-env", "NAME": "shop"},
                "labels": {"backup.dsn": "host=a password=s3cr3t-label"},
            }
        },
        "configs": {"app": {"content": "[db]\npassword = s3cr3t-config\n"}},
        "secrets": {"db_password": {"file": "./db_password.txt"}},
    }
    assert set(declared(model)) == {
        *("s3cr3t-arg", "s3cr3t-flag", "s3cr3t-env", "s3cr3t-label", "s3cr3t-config")
    }


@pytest.mark.parametrize(
    ("check", "result"),
    [
        ("curl -sf -u admin:k3y-of-it http://localhost/health", "k3y-of-it"),
        ("curl --user=admin:'k3y of' http://localhost", "k3y"),
        ("curl -H 'Authorization: Bearer k3y.of-it' http://localhost", "k3y.of-it"),
        ("mysqladmin ping -h localhost -u root -pk3y-of-it", "k3y-of-it"),
        ("redis-cli -h cache -a k3y-of-it ping", "k3y-of-it"),
        ("mongosh --quiet -u root -p k3y-of-it --eval 1", "k3y-of-it"),
        ("sshpass -p k3y-of-it ssh me@there", "k3y-of-it"),
    ],
)
def test_a_health_check_says_its_password_in_its_program_s_own_way(check: str, result: str) -> None:
    """In a shell's line as in a list of words."""
    assert set(declared({"healthcheck": {"test": ["CMD-SHELL", check]}})) == {result}
    if "'" not in check:
        assert set(declared({"healthcheck": {"test": ["CMD", *check.split()]}})) == {result}


@pytest.mark.parametrize(
    "check",
    [
        "curl -f http://localhost:80/",
        "curl -u $$USER:$$PASSWORD http://localhost",
        "mysqladmin ping -p$$MYSQL_ROOT_PASSWORD -P 3306 --protocol=tcp",
        "redis-cli -a $$PASSWORD ping; tar -a file",
        "docker run -u app:app x",
        "pg_isready -U me -p 5432",
    ],
)
def test_a_health_check_without_a_password_has_no_secret(check: str) -> None:
    assert set(declared({"healthcheck": {"test": ["CMD-SHELL", check]}})) == set()


@given(st.sampled_from(token_patterns()).flatmap(st.from_regex))
def test_what_may_be_a_token_is_told_without_the_patterns(text: str) -> None:
    assert OF_A_KIND.search(text)


@pytest.mark.parametrize(
    "word",
    [
        "4d3f6a0c1b9e4f7d8a2b5c6d7e8f9012",
        "b54414d9e2c07a1f6b8d3e5f7a9c0b1d2e3f4a5b",
        "test_a_start_with_nothing_to_d0",
        "rust-1.80.0-x86_64-unknown-linux-gnu",
        "ssh-4bQ3kz8hyzRj",
        "ip-10-0-17-4.eu-central-1.compute.internal",
    ],
)
def test_a_long_word_of_no_kind_needs_no_patterns(word: str) -> None:
    assert not OF_A_KIND.search(word)
