"""What the dashboard asks every few seconds, answered without reading the table.

The newest rows come by an index. Counts over all rows are kept: each statement that writes rows
adds its own to them. A sum of `numeric` does not drift, as one of doubles would.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# The lock that the triggers will need comes first: rows that are written meanwhile would be missed.
TABLES = """
LOCK scored_posts IN SHARE ROW EXCLUSIVE MODE;

CREATE INDEX scored_posts_newest ON scored_posts (scored_at DESC, post_id);

CREATE TABLE scored_authors (author text PRIMARY KEY, posts bigint NOT NULL);
INSERT INTO scored_authors SELECT author, count(*) FROM scored_posts GROUP BY author;

CREATE TABLE scored_totals (
    posts bigint NOT NULL,
    flagged bigint NOT NULL,
    score numeric NOT NULL,
    authors bigint NOT NULL
);
INSERT INTO scored_totals
SELECT count(*), count(*) FILTER (WHERE flagged), coalesce(sum(score::numeric), 0),
       (SELECT count(*) FROM scored_authors)
FROM scored_posts;
"""

# Writers take turns from the advisory lock to the end of their transactions: they have their rows
# by then, so that none waits for one who waits for it.
FUNCTIONS = """
CREATE FUNCTION scored_posts_came() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    new_authors bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM came) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock('scored_totals'::regclass::oid::bigint);
    SELECT count(DISTINCT author) INTO new_authors FROM came
    WHERE NOT EXISTS (SELECT FROM scored_authors AS kept WHERE kept.author = came.author);
    INSERT INTO scored_authors AS kept SELECT author, count(*) FROM came GROUP BY author
    ON CONFLICT (author) DO UPDATE SET posts = kept.posts + EXCLUDED.posts;
    UPDATE scored_totals AS kept
    SET posts = kept.posts + more.posts, flagged = kept.flagged + more.flagged,
        score = kept.score + more.score, authors = kept.authors + new_authors
    FROM (SELECT count(*) AS posts, count(*) FILTER (WHERE flagged) AS flagged,
                 sum(score::numeric) AS score FROM came) AS more;
    RETURN NULL;
END $$;

CREATE FUNCTION scored_posts_went() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone_authors bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM went) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock('scored_totals'::regclass::oid::bigint);
    UPDATE scored_authors AS kept SET posts = kept.posts - gone.posts
    FROM (SELECT author, count(*) AS posts FROM went GROUP BY author) AS gone
    WHERE kept.author = gone.author;
    DELETE FROM scored_authors AS kept
    WHERE posts = 0 AND EXISTS (SELECT FROM went WHERE went.author = kept.author);
    GET DIAGNOSTICS gone_authors = ROW_COUNT;
    UPDATE scored_totals AS kept
    SET posts = kept.posts - gone.posts, flagged = kept.flagged - gone.flagged,
        score = kept.score - gone.score, authors = kept.authors - gone_authors
    FROM (SELECT count(*) AS posts, count(*) FILTER (WHERE flagged) AS flagged,
                 sum(score::numeric) AS score FROM went) AS gone;
    RETURN NULL;
END $$;

CREATE FUNCTION scored_posts_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('scored_totals'::regclass::oid::bigint);
    DELETE FROM scored_authors;
    UPDATE scored_totals SET posts = 0, flagged = 0, score = 0, authors = 0;
    RETURN NULL;
END $$;
"""

# A row that is replaced comes first and goes then: its author is not forgotten in between.
TRIGGERS = """
CREATE TRIGGER count_1_inserted AFTER INSERT ON scored_posts REFERENCING NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION scored_posts_came();
CREATE TRIGGER count_2_updated AFTER UPDATE ON scored_posts REFERENCING NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION scored_posts_came();
CREATE TRIGGER count_3_updated AFTER UPDATE ON scored_posts REFERENCING OLD TABLE AS went
FOR EACH STATEMENT EXECUTE FUNCTION scored_posts_went();
CREATE TRIGGER count_4_deleted AFTER DELETE ON scored_posts REFERENCING OLD TABLE AS went
FOR EACH STATEMENT EXECUTE FUNCTION scored_posts_went();
CREATE TRIGGER count_5_emptied AFTER TRUNCATE ON scored_posts
FOR EACH STATEMENT EXECUTE FUNCTION scored_posts_emptied();
"""


def upgrade() -> None:
    """Makes the index, and the counts with what keeps them true."""
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
