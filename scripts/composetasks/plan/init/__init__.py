"""Subject: a project that never heard of us, and what it is given."""
