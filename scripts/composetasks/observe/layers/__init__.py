"""How long image layers took to build, and how often the files that they read change."""
