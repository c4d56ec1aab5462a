"""Records kept on a remote engine about a project: who works on it and who created it."""
