"""What may prevent a start: the holders of this host's ports, and missing folders."""
