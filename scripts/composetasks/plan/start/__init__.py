"""Which containers are created, recreated, started and stopped, and why."""
