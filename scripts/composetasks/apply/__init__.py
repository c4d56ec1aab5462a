"""Apply: carries the steps of a plan out, and yields an event for everything that happens."""
