"""Volumes in the formats that people open: one module a format, one function a module.

Each streams a `Volume` to a file (or folder) with its voxel size, a few dozen planes or blocks
in memory at a time.
"""
