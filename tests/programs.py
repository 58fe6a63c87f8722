"""What is said where a program that tests run is not there."""

import os
from collections.abc import Callable, Sequence


def why_missing(
    names: Sequence[str], find: Callable[[str], str | None], *, remedy: str, insists: str, error: type[Exception]
) -> str | None:
    """None when all programs are here, else what is missing and what to do.

    Args:
        names: of the programs.
        find: tells where one is.
        remedy: how to get them.
        insists: a variable of the environment; with the value 1 it is an *error* that one is missing.
        error: its type.
    """
    missing = [name for name in names if find(name) is None]
    if not missing:
        return None
    reason = f"no {' and no '.join(missing)} on this machine; {remedy}"
    if os.environ.get(insists) == "1":
        raise error(reason)
    return reason
