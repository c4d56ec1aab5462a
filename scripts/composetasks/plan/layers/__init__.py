"""What an edit would cost, and what a Dockerfile could save: predicted from what was measured."""
