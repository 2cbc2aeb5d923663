"""Pore networks, connectivity and transport of segmented volumes."""
