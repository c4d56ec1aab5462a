"""What images are made from, what a registry holds of them, and who tagged them last."""
