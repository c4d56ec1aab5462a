"""Verbs: one file each; observe, plan, (ask), apply, report, in that order, on one screen."""
