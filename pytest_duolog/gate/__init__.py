"""The gate: counts in, a decision out. Nothing here runs a dialogue, reads a clock or a file."""
