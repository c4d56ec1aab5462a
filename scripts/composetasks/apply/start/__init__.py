"""Starts containers, waits until they are up, and diagnoses those that do not come up."""
