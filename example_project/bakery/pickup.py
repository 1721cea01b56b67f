"""The counter for ordered cakes: a program without a model that hands out what was ordered."""

from __future__ import annotations

ORDERS = {"4711": "an apple cake", "4712": "a tray of rolls"}


def pickup(messages: list[dict[str, str]]) -> str:
    """What the counter answers to all that it was told so far."""
    heard = " ".join(message["content"] for message in messages if message["role"] == "user")
    ordered = next((ware for number, ware in ORDERS.items() if number in heard), None)
    if ordered is None:
        return "What is your order number, please?"
    if messages[-1]["content"].lower().startswith("yes"):
        return f"Here you are: {ordered}. Goodbye!"
    return f"That is {ordered}. Shall I wrap it for you?"
