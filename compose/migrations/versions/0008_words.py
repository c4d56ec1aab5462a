"""The words of each caption, kept beside it.

The dashboard looks at the captions of many posts where a word is common: to take a caption apart
each time costs ten times what it costs to read it.
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the column, and has its index in place of the one on what was computed. The table is
    rewritten for it. What the planner knows of words is to be true of new posts too."""
    op.execute(
        """
        DROP INDEX scored_posts_words;
        ALTER TABLE scored_posts ADD COLUMN words tsvector
            GENERATED ALWAYS AS (to_tsvector('simple', caption)) STORED;
        CREATE INDEX scored_posts_words ON scored_posts USING gin (words);
        ALTER TABLE scored_posts SET (autovacuum_analyze_scale_factor = 0.02);
        """
    )
