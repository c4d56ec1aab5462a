"""Further copies of the stack on one engine, and the checkouts that they belong to."""
