"""Builds, retags, pulls and pushes images."""
