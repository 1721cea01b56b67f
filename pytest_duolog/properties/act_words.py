"""Which words claim what a tool does, by the words of its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Words of tools that only read, or that nobody reports: "I have checked" claims no act.
READING = frozenset(
    {
        "answer", "ask", "browse", "calculate", "check", "compute", "convert", "count", "describe", "details", "fetch",
        "final", "find", "get", "has", "history", "info", "information", "is", "list", "load", "look", "lookup",
        "policy", "query", "read", "reply", "respond", "retrieve", "say", "search", "show", "status", "tell", "think",
        "translate", "validate", "verify", "view"
    }
)  # fmt: skip
# Verbs that say what was done.
_VERBS = frozenset(
    {
        "accept", "activate", "adjust", "append", "apply", "approve", "archive", "assign", "attach", "authorize", "ban",
        "begin", "block", "build", "buy", "cancel", "change", "clear", "close", "commit", "confirm", "connect", "copy",
        "cut", "deactivate", "decline", "delete", "deliver", "deploy", "disable", "disconnect", "dispatch", "dispute",
        "downgrade", "duplicate", "edit", "enable", "enroll", "erase", "escalate", "exchange", "extend",
        "forward", "freeze", "generate", "give", "grant", "hold", "increase", "insert", "install", "invite", "join",
        "leave", "lend", "link", "lock", "merge", "modify", "move", "notify", "overwrite", "pause", "pay", "print",
        "publish", "purchase", "reactivate", "rebook", "recharge", "redeem", "refill", "register", "reject", "remove",
        "rename", "renew", "reopen", "repair", "replace", "reschedule", "reset", "resolve", "restart", "restore",
        "resume", "revert", "revoke", "save", "sell", "set", "share", "ship", "sign", "spend", "start", "stop", "store",
        "submit", "subscribe", "suspend", "swap", "switch", "take", "tag", "terminate", "unblock", "unlock",
        "unsubscribe", "update", "upgrade", "upload", "upsert", "waive", "win", "withdraw", "write"
    }
)  # fmt: skip
# Verbs that need a noun: who has called issue_refund says "issued" or "refunded".
_MAKING = frozenset(
    {
        "add",
        "complete",
        "create",
        "file",
        "initiate",
        "issue",
        "log",
        "make",
        "open",
        "place",
        "post",
        "raise",
        "send",
    }
)
# Verbs that nobody reports, before such a noun.
_DOING = frozenset({"call", "do", "execute", "handle", "on", "perform", "process", "run", "use"})
# Nouns of acts, and their verbs.
_NOUNS = {
    "booking": "book", "cancellation": "cancel", "delivery": "deliver", "payment": "pay", "registration": "register",
    "removal": "remove", "reservation": "reserve", "shipment": "ship", "subscription": "subscribe",
    "upgrade": "upgrade"
} | {
    word: word
    for word in (
        "book", "charge", "credit", "deposit", "donate", "email", "message", "order", "refund", "reimburse", "rent",
        "report", "request", "reserve", "return", "schedule", "transfer"
    )
}  # fmt: skip
_IRREGULAR = {
    "begin": "begun|began", "build": "built", "buy": "bought", "cancel": "canceled|cancelled", "cut": "cut",
    "freeze": "frozen|froze", "give": "given|gave", "hold": "held", "leave": "left", "lend": "lent", "make": "made",
    "pay": "paid", "reset": "reset", "sell": "sold", "send": "sent", "set": "set", "spend": "spent",
    "take": "taken|took", "win": "won", "withdraw": "withdrawn|withdrew", "write": "written|wrote",
}  # fmt: skip
_DOUBLED = frozenset({"ban", "commit", "log", "ship", "stop", "submit", "swap", "tag", "transfer"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True)
class ToolWords:
    """The forms of the verbs that claim each tool, as in `issued|refunded`, and the tools whose verb is not known."""

    acts: dict[str, str]
    unknown: tuple[str, ...]


def tool_words(names: Iterable[str]) -> ToolWords:
    """The words for each tool that changes something; a tool that only reads is in neither part."""
    acts: dict[str, str] = {}
    unknown = []
    for name in dict.fromkeys(names):
        words = _words(name)
        verbs = _verbs(words, (_words(re.split(r"__|[./:]", name)[-1]) or [""])[0])
        if verbs:
            acts[name] = "|".join(dict.fromkeys(map(_participle, verbs)))
        elif verbs is None:
            unknown.append(name)
    return ToolWords(acts, tuple(unknown))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _verbs(words: list[str], first: str) -> list[str] | None:
    """The verbs in a name, none if it reads, None if they are not known; `first` is its first word after a prefix."""
    if first in READING:
        return []
    nouns = [_NOUNS[word] for word in words if _NOUNS.get(word)]
    verbs = [word for word in words if word in _VERBS]
    making = [word for word in words if word in _MAKING]
    if verbs or making:
        return verbs or making + nouns
    if words and words[-1] in READING:
        return []
    if not nouns:
        return [] if first in _DOING else None
    # One of them is what was acted on: refund_order and order_refund refund an order.
    own = [word for word in words if _NOUNS.get(word) == word]
    return ([word for word in own if word != "order"] or own or nouns)[:1]


def _participle(verb: str) -> str:
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}{verb[-1]}ed" if verb in _DOUBLED else f"{verb}ed"
