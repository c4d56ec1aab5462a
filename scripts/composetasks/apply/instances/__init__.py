"""Ends an instance."""
