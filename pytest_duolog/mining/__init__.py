"""Turns logged dialogues into tests: finds personal details, puts stand-ins in their place, groups like failures."""
