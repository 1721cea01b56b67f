"""Readers of files that keep the place of each value; one module for each format.

To add a format, write a module with `read(text) -> Written`, and name its suffixes in `files`.
"""
