"""Which models a row was scored by.

`model` is a digest of them, and of how their scores are put together; NULL is from before it was
kept. What the digest stands for is in `scoring_models`: the manifest that lay beside the models,
with the scores they had on what they had not learned from. `used_at` is when a job last began to
score by them.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the column and the table."""
    op.execute(
        """
        ALTER TABLE scored_posts ADD COLUMN model text;
        CREATE TABLE scoring_models (
            model text PRIMARY KEY,
            manifest jsonb NOT NULL,
            used_at timestamptz NOT NULL DEFAULT now()
        );
        """
    )
