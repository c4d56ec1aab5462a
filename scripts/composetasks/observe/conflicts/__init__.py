"""What may be in the way of a start: who holds ports and folders of this host."""
