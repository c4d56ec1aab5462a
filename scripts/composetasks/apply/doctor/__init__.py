"""What the doctor must try to know: a container and a step of a build, taken away again."""
