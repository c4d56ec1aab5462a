"""Predict from measurements what an edit costs, and what changes to a Dockerfile would save."""
