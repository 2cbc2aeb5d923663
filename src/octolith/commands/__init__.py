"""Commands of the `octolith` command line, one module each."""
