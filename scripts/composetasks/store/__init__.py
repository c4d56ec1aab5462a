"""Store: the files kept on disk, in ``.composetasks/``."""
