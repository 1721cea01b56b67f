"""Names that speakers, their roles and their models may have."""

from __future__ import annotations

LONGEST_NAME = 60
LONGEST_LABEL = 80


def checked_name(name: str) -> str:
    """The name of a speaker, unchanged. Raises ValueError if a transcript could not have it."""
    if not is_on_one_line(name, LONGEST_NAME) or ":" in name:
        raise ValueError(f"a name is 1 to {LONGEST_NAME} printable characters on one line, without ':'")
    return name


def checked_label(label: str) -> str:
    """The label of a model, unchanged. Raises ValueError for a wrong one."""
    if not is_on_one_line(label):
        raise ValueError(f"a label is 1 to {LONGEST_LABEL} printable characters on one line")
    return label


def checked_role(role: str) -> str:
    """A role, unchanged. Raises ValueError if `--duolog-model ROLE=...` could not name it."""
    if not is_on_one_line(role) or "=" in role:
        raise ValueError(f"a role is 1 to {LONGEST_LABEL} printable characters on one line, without '='")
    return role


def is_on_one_line(text: str, longest: int = LONGEST_LABEL) -> bool:
    """Whether a text is printable, not empty, not too long, and has no space around it."""
    return text == text.strip() and 0 < len(text) <= longest and text.isprintable()
