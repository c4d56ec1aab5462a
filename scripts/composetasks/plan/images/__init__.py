"""Which images are built, retagged or pulled, and which file is the reason."""
