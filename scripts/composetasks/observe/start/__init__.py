"""What a container listens on, what a job's work rests on, and how the last start went."""
