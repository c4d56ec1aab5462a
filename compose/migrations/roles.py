"""Who may do what in the database. Nobody but `migrate` comes as its superuser: it makes the roles
that everybody else has, in data folders from before there were any, too.

All of it is said again in each run: it changes with this file, and with the passwords.
"""

from pathlib import Path
from typing import Any

import psycopg

SECRETS = Path("/run/secrets")
OWNER = "owner"
"""Has the tables, and nobody comes as it: migrations are run on its behalf."""
USERS = ("writer", "reader", "moderator", "crawler", "airflow")
"""The job's, the dashboard's two, the DAG's, and Airflow's own, which has a database to itself."""
GRANTS = {
    "scored_posts": {"writer": "SELECT, INSERT, UPDATE", "reader": "SELECT"},
    "scoring_models": {"writer": "SELECT, INSERT, UPDATE", "reader": "SELECT"},
    "scored_totals": {"reader": "SELECT"},
    "scored_authors": {"reader": "SELECT"},
    "crawled_posts": {"crawler": "SELECT, INSERT, UPDATE, DELETE", "reader": "SELECT"},
    "crawled_feeds": {"crawler": "SELECT, INSERT, UPDATE"},
    "decisions": {"reader": "SELECT"},
}
COUNTING = ("scored_posts_came", "scored_posts_went", "scored_posts_emptied")
"""Triggers that write what the writer itself may not."""
# Objects of the time before there were roles.
OURS = """
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO owner', oid::regclass) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relowner = current_user::regrole
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO owner', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""


def password(role: str) -> str:
    """Its password, from the file of its secret."""
    return (SECRETS / f"{role}_password").read_text().rstrip("\n")


def make_roles(database: psycopg.Connection[Any]) -> None:
    """Makes the roles that are missing; nobody else comes into this database, nor they into
    another's."""
    there = {name for (name,) in database.execute("SELECT rolname FROM pg_roles")}
    for role in {OWNER, *USERS} - there:
        database.execute(f"CREATE ROLE {role}")
    for role in USERS:
        # Digested here, so that it stands in no statement which the server might log.
        digest = database.pgconn.encrypt_password(
            password(role).encode(), role.encode(), b"scram-sha-256"
        )
        database.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{digest.decode()}'")
    found = database.execute(
        "SELECT quote_ident(datname), datname = current_database() FROM pg_database"
        " WHERE datname IN (current_database(), 'airflow')"
    ).fetchall()
    for name, is_this in found:
        database.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")
        if is_this:
            database.execute(
                f"GRANT CONNECT ON DATABASE {name} TO writer, reader, moderator, crawler"
            )
    database.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
    database.execute(OURS)


def grant(database: psycopg.Connection[Any]) -> None:
    """Lets each do its work on the tables that there are, as their owner says."""
    there = {name for (name,) in database.execute("SELECT tablename FROM pg_tables")}
    for table, rights in GRANTS.items():
        if table not in there:
            continue
        for role in USERS:
            database.execute(f"REVOKE ALL ON {table} FROM {role}")
        for role, right in rights.items():
            database.execute(f"GRANT {right} ON {table} TO {role}")
    # All that it may do: a decision without its line of the trail can't be made.
    database.execute("GRANT EXECUTE ON FUNCTION decide TO moderator")
    for function in COUNTING:
        database.execute(
            f"ALTER FUNCTION {function}() SECURITY DEFINER"
            " SET search_path = pg_catalog, public, pg_temp"
        )
