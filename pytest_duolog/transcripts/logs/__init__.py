"""Logs of any size: JSON Lines, CSV and Parquet, plain or compressed, as paths, folders, globs and addresses.

`dialogues_at` reads their dialogues one by one.
"""
