"""The edges of the library: files in, files out, one module a workflow step."""
