"""The program that works on state inside the helper container.

It uses the standard library (and zstandard), and nothing of the rest of this package: it runs
where only these files are. Every path is taken relative to an open folder and no link is followed.
"""
