"""What a bare machine needs before the tasks can run: parts that are run alone, in any number."""
