"""The doctor's judgment of the observed facts: pure functions from facts to checks."""
