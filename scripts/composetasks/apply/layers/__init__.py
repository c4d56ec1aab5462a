"""Builds images for a trial, to measure what an edit costs."""
