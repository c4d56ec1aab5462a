"""Problems of ``.env`` and the variables."""
