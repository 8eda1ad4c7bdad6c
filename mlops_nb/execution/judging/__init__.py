"""Models are loaded, asked and judged in a process of their own, never in the one that keeps the record."""
