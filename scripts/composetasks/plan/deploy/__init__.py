"""What is deployed on Docker Swarm, and what Swarm can't express."""
