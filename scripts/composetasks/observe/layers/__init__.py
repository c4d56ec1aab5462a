"""What the layers of images took to make, and how often what they read changes."""
