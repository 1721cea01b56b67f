"""The bakery's till: a program without a model that takes orders in plain words."""

from __future__ import annotations

PRICES = {"bread": 3.20, "rolls": 0.60, "cake": 2.80}


def till(messages: list[dict[str, str]]) -> str:
    """What the till answers to the last thing that was said to it."""
    said = messages[-1]["content"].lower()
    wanted = [name for name in PRICES if name.rstrip("s") in said]
    if not wanted:
        return "Please say what you would like: bread, rolls or cake."
    total = sum(PRICES[name] for name in wanted)
    return f"That is {' and '.join(wanted)}, {total:.2f} in all. Anything else?"
