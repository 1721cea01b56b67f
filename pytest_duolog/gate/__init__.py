"""The gate: counts in, a decision out. It runs no dialogue and reads no clock and no file."""
