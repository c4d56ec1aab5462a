"""Further copies of the stack on one engine, and the checkouts they belong to."""
