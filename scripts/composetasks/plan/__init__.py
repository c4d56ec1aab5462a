"""Plan: pure functions from facts to a plan. No input or output, no clock, no environment."""
