"""The counter for ordered cakes: a clerk without a model that looks orders up and hands out what was ordered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_duolog import Reply, ToolCall

ORDERS = {"4711": "an apple cake", "4712": "a tray of rolls"}


@dataclass
class Shelf:
    """The shelf with the ordered cakes, and what was handed out."""

    handed_out: list[str] = field(default_factory=list)

    def look_up(self, order_number: str) -> str:
        """What was ordered under this number."""
        return ORDERS[order_number]

    def hand_out(self, order_number: str) -> str:
        """Give an order to the customer."""
        assert order_number not in self.handed_out, "nobody gets a cake twice"
        self.handed_out.append(order_number)
        return f"{ORDERS[order_number]} is gone"


@dataclass
class Clerk:
    """Serves the customer by rules. A careless clerk says that it hands out a cake, and leaves it on the shelf."""

    shelf: Shelf
    is_careless: bool = False

    def __call__(self, messages: list[dict[str, str]]) -> Reply:
        """What the clerk answers to all that it was told so far, with the tools that it uses for it."""
        heard = " ".join(message["content"] for message in messages if message["role"] == "user")
        number = next((number for number in ORDERS if number in heard), None)
        if number is None:
            return Reply("What is your order number, please?")
        if not messages[-1]["content"].lower().startswith("yes"):
            found = self._use(self.shelf.look_up, number)
            return Reply(f"That is {found.result}. Shall I wrap it for you?", tool_calls=(found,))
        used = () if self.is_careless else (self._use(self.shelf.hand_out, number),)
        return Reply(f"Here you are: {ORDERS[number]}. Goodbye!", tool_calls=used)

    def _use(self, tool: Callable[[str], str], number: str) -> ToolCall:
        arguments = json.dumps({"order_number": number})
        return ToolCall(name=tool.__name__, arguments=arguments, result=tool(number))
