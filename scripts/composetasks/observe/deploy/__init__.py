"""A stack as it is in a swarm, and the model to be deployed."""
