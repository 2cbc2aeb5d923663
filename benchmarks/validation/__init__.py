"""Is the super-resolved rock closer to the truth? Cases, methods, measures and what they gave."""
