"""The commands of `duolog`, one module each."""
