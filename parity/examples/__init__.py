"""Which examples are worth drawing, and what was met: corners, ordinary layers, faults."""
