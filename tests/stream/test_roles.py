"""Who may come into the database, as what, and that its passwords are nowhere to be read."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.stream.database import Database
from tests.stream.messages import a_post
from tests.stream.stack import JOB, SERVICES, Stack

DENIED = (
    ("reader", "INSERT INTO scored_posts (post_id) VALUES ('a')"),
    ("reader", "UPDATE scored_posts SET flagged = false"),
    ("reader", "CREATE TABLE mine (a int)"),
    ("reader", "SELECT decide('a', 'keep', 'me', NULL)"),
    ("moderator", "SELECT 1 FROM scored_posts"),
    ("moderator", "UPDATE scored_posts SET decision = 'keep'"),
    ("moderator", "INSERT INTO decisions (post_id, decided_by) VALUES ('a', 'me')"),
    ("writer", "SELECT decide('a', 'keep', 'me', NULL)"),
    ("writer", "DELETE FROM scored_posts"),
    ("writer", "UPDATE scored_totals SET posts = 0"),
    ("writer", "ALTER TABLE scored_posts DROP COLUMN flagged"),
    ("writer", "CREATE ROLE another SUPERUSER"),
    ("crawler", "INSERT INTO scored_posts (post_id) VALUES ('a')"),
)
SUPERUSERS = """
SELECT DISTINCT usename FROM pg_stat_activity JOIN pg_user USING (usename)
WHERE usesuper AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def said_to(stack: Stack, role: str, statement: str, database: str = "tiktok_safety_db") -> str:
    """What the database answers a role that comes over the network, with its password."""
    password = stack.passwords[f"POSTGRES_{role.upper()}_PASSWORD"]
    psql = f"psql -qAt -v ON_ERROR_STOP=1 -h $(hostname -i) -U {role} -d {database}"
    words = ("exec", "-T", "-e", f"PGPASSWORD={password}", "postgres", "sh", "-c")
    return stack.compose(*words, f"{psql} 2>&1 || true", stdin=statement.encode()).strip()


def test_each_role_can_do_its_work_and_nothing_else(stack: Stack) -> None:
    stack.send([a_post("by-the-writer")])
    stack.settle()
    assert said_to(stack, "reader", "SELECT posts > 0 FROM scored_totals") == "t"
    assert said_to(stack, "airflow", "SELECT current_user", "airflow") == "airflow"
    for arguments, done in (("'keep', 'me', NULL", "t"), ("'remove', 'me', NULL", "f")):
        decide = f"SELECT decide('by-the-writer', {arguments})"
        assert said_to(stack, "moderator", decide) == done
    trail = "SELECT count(*), max(after) FROM decisions WHERE post_id = 'by-the-writer'"
    assert said_to(stack, "reader", trail) == "1|keep"
    for role, statement in DENIED:
        said = said_to(stack, role, statement)
        assert "permission denied" in said or "must be" in said, (statement, said)
    assert "permission denied" in said_to(stack, "airflow", "SELECT 1")
    assert "permission denied" in said_to(stack, "reader", "SELECT 1", "airflow")
    assert stack.sql(SUPERUSERS) == []


def test_each_role_has_a_password_of_its_own_and_takes_over_a_new_one(
    stack: Stack, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "POSTGRES_CRAWLER_PASSWORD"
    with monkeypatch.context() as patch:
        for other in ("it's a : \\ $new %s one", stack.passwords["POSTGRES_READER_PASSWORD"]):
            patch.setitem(stack.passwords, name, other)
            assert "authentication failed" in said_to(stack, "crawler", "SELECT 1")
            database.migrate()
            assert said_to(stack, "crawler", "SELECT 1") == "1"
    database.migrate()
    assert said_to(stack, "crawler", "SELECT 1") == "1"


def test_the_database_and_kafka_are_reached_by_those_alone_that_have_business_there(
    stack: Stack,
) -> None:
    def reached(service: str, target: str, port: int) -> bool:
        """Whether a connection is made, by the address: that a name is unknown keeps nobody out."""
        networks: dict[str, Any] = stack.inspect(target)["NetworkSettings"]["Networks"]
        (address,) = (network["IPAddress"] for network in networks.values())
        connect = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}' && echo connected"
        return "connected" in stack.compose("exec", "-T", service, "sh", "-c", connect, check=False)

    # `clips` is here what the feed is in the stack.
    for service in (JOB, "crawler"):
        assert reached(service, "postgres", 5432), service
        assert reached(service, "kafka", 9092), service
    for service, target, port in (
        ("clips", "postgres", 5432),
        ("kafka", "postgres", 5432),
        ("clips", "kafka", 9092),
        ("postgres", "kafka", 9092),
    ):
        assert not reached(service, target, port), (service, target)


def test_nobody_comes_in_without_a_role_and_its_password(stack: Stack) -> None:
    def told(role: str, password: str) -> str:
        psql = f"psql -qAt -h $(hostname -i) -U {role} -d tiktok_safety_db -c 'SELECT 1' 2>&1"
        words = ("exec", "-T", "-e", f"PGPASSWORD={password}", "postgres", "sh", "-c")
        return stack.compose(*words, f"{psql} || true")

    right = stack.passwords["POSTGRES_WRITER_PASSWORD"]
    assert told("writer", right) == "1\n"
    for role in ("writer", "reader", "moderator", "crawler", "airflow", "user"):
        assert "authentication failed" in told(role, "wrong"), role
        assert "authentication failed" in told(role, right) or role == "writer", role
    assert "fe_sendauth: no password supplied" in told("writer", "")
    for role in ("owner", "postgres", "nobody"):
        assert "authentication failed" in told(role, right), role


def test_no_password_is_in_what_the_engine_tells(stack: Stack) -> None:
    result = stack.compose("ps", "-aq").split()
    assert len(result) == len(SERVICES)
    told = subprocess.run(["docker", "inspect", *result], capture_output=True, check=True).stdout
    for name, password in stack.passwords.items():
        assert password not in told.decode(), name
    # Containers have what the model says: those of all services, then.
    model = stack.compose("--profile", "*", "config")
    assert "/run/secrets/reader_password" in model
    for name, password in stack.passwords.items():
        assert password not in model, name
