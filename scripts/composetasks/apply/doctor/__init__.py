"""What the doctor has to try out: a container and a build step, both removed afterwards."""
