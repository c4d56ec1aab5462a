"""Carries a deployment out."""
