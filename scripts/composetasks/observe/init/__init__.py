"""Looks at a project that never heard of us: its compose files, its scripts, what it has."""
