"""Keeps a streaming job running the newest code that can run. Imports nothing of that code."""
