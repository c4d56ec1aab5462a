"""How Alembic reaches the database: as its superuser, which makes the roles that everybody else
has, and then runs the migrations as `owner`.

One run is one transaction: killed in its midst, nothing of it has happened.
"""

import os

import psycopg
import roles
import sqlalchemy as sa
from alembic import context

# While a migration waits for the job to let go of the table, everybody else waits behind it.
LOCK_TIMEOUT = "60s"
# The key of an advisory lock: of two runs at once the second finds nothing left to do.
ONE_AT_A_TIME = 20260101


def migrate() -> None:
    """Runs what Alembic was asked for."""
    where = sa.URL.create(
        "postgresql+psycopg",
        username=os.environ.get("PGUSER", "user"),
        password=roles.password("postgres"),
        host=os.environ.get("PGHOST", "postgres"),
        database=os.environ.get("PGDATABASE", "tiktok_safety_db"),
    )
    options = {"connect_timeout": 10, "options": f"-c lock_timeout={LOCK_TIMEOUT}"}
    engine = sa.create_engine(where, poolclass=sa.NullPool, connect_args=options)
    try:
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
                # psycopg's own connection: the transaction is the same.
                database = connection.connection.driver_connection
                roles.make_roles(database)
                database.execute(f"SET LOCAL ROLE {roles.OWNER}")
                before = context.get_context().get_current_revision()
                head = context.get_head_revision()
                known = {one.revision for one in context.script.walk_revisions()}
                if before is not None and before not in known:
                    raise SystemExit(
                        f"migrate: the schema is at {before}, this code knows none after {head}:"
                        " go on with the code that made it, or empty the state (inv reset-state)"
                    )
                context.run_migrations()
                roles.grant(database)
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        raise SystemExit(f"migrate: {getattr(error, 'orig', error)}") from None
    print(f"migrate: the schema is at {head}" + (f", was at {before or 'none'}" * (before != head)))


migrate()
