"""Observations for the doctor, one module for each subject; nothing is changed."""
