"""What is in the way of a start, whose it is, and what is done about it."""
