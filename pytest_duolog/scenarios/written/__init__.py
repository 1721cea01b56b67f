"""Values as a file has them, each with the place where it is written; one module a format.

To add a format, write a module with `read(text) -> Written`, and name its suffixes in `files`.
"""
