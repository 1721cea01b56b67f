"""Holding dialogues: one, many at once, within limits."""
