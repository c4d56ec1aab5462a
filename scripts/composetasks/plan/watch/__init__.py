"""What watching does: the rules of the model, and what a batch of edits asks for."""
