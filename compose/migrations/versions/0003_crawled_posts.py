"""What the crawler has sent, so that it need not read the topic to know.

`content` is a digest of the post, `topic_id` the topic's id in Kafka, `feed` the page it was read
from. `deleted_at` is when it was missing there.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table, and the index by which posts that are gone are found."""
    op.execute(
        """
        CREATE TABLE crawled_posts (
            post_id text PRIMARY KEY,
            content bytea NOT NULL,
            topic_id text NOT NULL,
            feed text NOT NULL,
            crawled_at timestamptz NOT NULL,
            deleted_at timestamptz
        );
        CREATE INDEX crawled_posts_there ON crawled_posts (feed) WHERE deleted_at IS NULL;
        """
    )
