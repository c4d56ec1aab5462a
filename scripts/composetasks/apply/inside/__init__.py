"""The program that works on state inside the helper container.

It uses only the standard library and zstandard, not the rest of this package: only these files
exist in the container. Every path is relative to an open folder, and no link is followed.
"""
