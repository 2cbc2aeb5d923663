"""The HTML page of a rock: what was put in, what came out, and whether to trust it."""
