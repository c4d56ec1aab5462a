"""Report: turns plans and events into what people read and machines parse."""
