"""Runs dialogues: one, or many at once, within limits."""
