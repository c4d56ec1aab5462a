"""What is kept on an engine of another host beside a project's own things: who is at it."""
