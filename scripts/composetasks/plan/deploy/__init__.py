"""What is deployed on Docker Swarm, and what that can't express."""
