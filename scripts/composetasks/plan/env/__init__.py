"""What is wrong with ``.env`` and the variables."""
