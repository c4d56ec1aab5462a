"""Which volumes and folders hold state."""
