"""How another copy of the stack is kept separate, and which copies have lost their owner."""
