"""What moderators decided, and the indexes that the dashboard's lists come by.

`scored_posts.decision` is how it stands, `decisions` how it came to that: one line for each change,
which nobody can make without it, for `decide` does both. A post whose caption or clip is changed
after a decision is undecided again: what was judged is gone.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE decisions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    decided_by text NOT NULL CHECK (decided_by <> ''),
    before text,
    after text CHECK (after IN ('keep', 'remove', 'unsure'))
);
CREATE INDEX decisions_of_a_post ON decisions (post_id, number);
ALTER TABLE scored_posts ADD COLUMN decision text;
"""
# Sorted and paged by both columns in one direction, whichever that is.
INDEXES = """
DROP INDEX scored_posts_newest;
CREATE INDEX scored_posts_newest ON scored_posts (scored_at, post_id);
CREATE INDEX scored_posts_flagged ON scored_posts (scored_at, post_id) WHERE flagged;
CREATE INDEX scored_posts_highest ON scored_posts (score, post_id);
CREATE INDEX scored_posts_clear ON scored_posts (score, post_id) WHERE NOT flagged;
CREATE INDEX scored_posts_waiting ON scored_posts (score, post_id)
    WHERE flagged AND decision IS NULL;
CREATE INDEX scored_posts_decided ON scored_posts (decision, score, post_id)
    WHERE decision IS NOT NULL;
CREATE INDEX scored_posts_decided_newest ON scored_posts (decision, scored_at, post_id)
    WHERE decision IS NOT NULL;
CREATE INDEX scored_posts_author ON scored_posts (author, score, post_id);
CREATE INDEX scored_posts_language ON scored_posts (language, score, post_id);
CREATE INDEX scored_posts_words ON scored_posts USING gin (to_tsvector('simple', caption));
"""
FUNCTIONS = """
CREATE FUNCTION decide(of_post text, wanted text, who text, seen text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    had text;
BEGIN
    SELECT decision INTO had FROM scored_posts WHERE post_id = of_post FOR UPDATE;
    IF NOT FOUND OR had IS DISTINCT FROM seen THEN
        RETURN false;
    END IF;
    IF had IS DISTINCT FROM wanted THEN
        INSERT INTO decisions (post_id, decided_by, before, after)
        VALUES (of_post, who, had, wanted);
        UPDATE scored_posts SET decision = wanted WHERE post_id = of_post;
    END IF;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION decide FROM PUBLIC;

CREATE FUNCTION scored_posts_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO decisions (post_id, decided_by, before)
    VALUES (NEW.post_id, '(the post was changed)', OLD.decision);
    NEW.decision := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER undecided_again BEFORE UPDATE OF caption, video_url ON scored_posts FOR EACH ROW
WHEN (OLD.decision IS NOT NULL
      AND (OLD.caption, OLD.video_url) IS DISTINCT FROM (NEW.caption, NEW.video_url))
EXECUTE FUNCTION scored_posts_changed();
"""


def upgrade() -> None:
    """Makes the trail, the column, the indexes, and what keeps the first two together."""
    op.execute(TABLES)
    op.execute(INDEXES)
    op.execute(FUNCTIONS)
