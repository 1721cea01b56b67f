"""Commands of `duolog` that work on finished files, one module each."""
