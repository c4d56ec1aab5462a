"""What a swarm has of a stack, and what is to be deployed."""
