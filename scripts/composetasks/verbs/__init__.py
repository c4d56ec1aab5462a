"""Verbs, one file each: observe, plan, ask for consent if needed, apply, report, in that order."""
