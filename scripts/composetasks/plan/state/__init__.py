"""Which state is kept, emptied or put back, and who has to stop for it."""
