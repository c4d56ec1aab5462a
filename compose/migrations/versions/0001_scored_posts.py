"""The table of scored posts, as the job itself made it until there were migrations."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes it where it is missing."""
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS scored_posts (
            post_id text PRIMARY KEY,
            author text NOT NULL,
            caption text NOT NULL,
            language text NOT NULL,
            video_url text NOT NULL,
            text_score double precision NOT NULL,
            video_score double precision,
            score double precision NOT NULL,
            flagged boolean NOT NULL,
            fusion boolean NOT NULL,
            text_weight double precision NOT NULL,
            threshold double precision NOT NULL,
            code_version text NOT NULL,
            posted_at timestamptz NOT NULL,
            crawled_at timestamptz NOT NULL,
            scored_at timestamptz NOT NULL
        )
        """
    )
