"""Carries out a deployment."""
