"""What a watch does: the model's rules, and the operations for a batch of edits."""
