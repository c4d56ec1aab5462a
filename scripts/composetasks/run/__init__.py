"""Run: mechanisms that any room may need: programs, failures, the lock, the run folder."""
