"""What images are built from, which of them a registry holds, and when they were last tagged."""
