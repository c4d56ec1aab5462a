"""Takes away what is in the way of a start."""
