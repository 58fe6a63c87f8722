"""Numbers that count something, as headers hold them."""

from typing import TypeGuard


def is_number(text: bytes | None, digits: int) -> TypeGuard[bytes]:
    """Whether *text* is a whole number from 0 of so many *digits* at most; Python would not read thousands of them."""
    return text is not None and text.isdigit() and len(text) <= digits
