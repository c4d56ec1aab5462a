"""What `composetasks init` proposes for a project, and what replaces its start scripts' lines."""
