"""Which state is saved, emptied or restored, and which containers have to stop for it."""
