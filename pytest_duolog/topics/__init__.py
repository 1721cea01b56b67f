"""Measures what a dialogue is about, message by message; used by the properties."""
