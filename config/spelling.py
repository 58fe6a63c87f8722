"""Which of our variables a misspelt one was meant to be."""

from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that *name* misspells, or None.

    The environment is full of other programs' variables, and a wrong guess would stop a start for nothing. So the
    first word must be right (`BATCH_`), and the shorter the rest, the closer it must come: below 8 letters only a
    lost `_` or two swapped letters count, because `MODEL_PATHS` or `HTTP_POST` may well be somebody else's.
    """
    word, _, rest = name.partition("_")
    for candidate in known:
        known_word, _, known_rest = candidate.partition("_")
        if word == known_word and _is_close(rest.replace("_", ""), known_rest.replace("_", "")):
            return candidate
    return None


def _is_close(typed: str, known: str) -> bool:
    if typed == known or _is_swapped(typed, known):
        return True
    tolerated = 0 if len(known) < 8 else 1 if len(known) < 12 else 2
    return _edits(typed, known) <= tolerated


def _is_swapped(typed: str, known: str) -> bool:
    swaps = (known[:i] + known[i + 1] + known[i] + known[i + 2 :] for i in range(len(known) - 1))
    return typed in swaps


def _edits(one: str, other: str) -> int:
    """Return how many letters to insert, remove or replace (Levenshtein) to get from *one* to *other*."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        previous, row = row, [i]
        for j, other_letter in enumerate(other, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (letter != other_letter)))
    return row[-1]
