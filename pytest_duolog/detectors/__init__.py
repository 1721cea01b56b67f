"""Incremental readers of a dialogue: each takes one message after the other and keeps what it needs."""
