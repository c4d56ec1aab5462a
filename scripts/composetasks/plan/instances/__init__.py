"""How a further copy of the stack is kept apart, and which copies have no owner any more."""
