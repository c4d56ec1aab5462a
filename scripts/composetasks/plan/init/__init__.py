"""What a project is given, and what replaces the lines of its start scripts."""
