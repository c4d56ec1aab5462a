"""When the crawler last saw a post, so that it can forget those it sees no more.

`crawled_feeds` counts the days on which a feed was crawled; `seen_day` is the number of the last
one on which the post was on the page: 0 is from before it was kept.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the table, the column, and the index by which posts that are seen no more are found."""
    op.execute(
        """
        CREATE TABLE crawled_feeds (
            feed text PRIMARY KEY,
            days integer NOT NULL,
            last_day date NOT NULL
        );
        ALTER TABLE crawled_posts ADD COLUMN seen_day integer NOT NULL DEFAULT 0;
        CREATE INDEX crawled_posts_seen ON crawled_posts (feed, seen_day);
        """
    )
