"""``.env`` as Compose and as python-dotenv read it, and who uses its variables."""
