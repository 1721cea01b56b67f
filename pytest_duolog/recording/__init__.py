"""Cassettes: what is matched, played, recorded, and kept out of files."""
