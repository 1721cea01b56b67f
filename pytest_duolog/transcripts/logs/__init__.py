"""Logs of any size: JSON Lines, CSV and Parquet, plain or compressed, as paths, folders, globs and addresses.

`dialogues_in` reads the dialogues of a file one by one.
"""
