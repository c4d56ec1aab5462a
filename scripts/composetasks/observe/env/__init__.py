"""``.env`` as Compose and python-dotenv read it, and the services that use its variables."""
