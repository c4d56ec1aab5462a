"""Store: what is kept on disk, in ``.composetasks/``."""
