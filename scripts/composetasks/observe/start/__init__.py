"""What a container listens on, what a job depends on, and how the last start went."""
