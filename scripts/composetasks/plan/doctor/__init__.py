"""What the doctor makes of what was found: pure functions from facts to checks."""
