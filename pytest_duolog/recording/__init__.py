"""Cassettes: matching, replaying and recording requests, and keeping secrets out of files."""
