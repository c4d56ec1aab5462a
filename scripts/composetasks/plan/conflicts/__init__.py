"""The conflicts of a start, who causes them, and how they are resolved."""
