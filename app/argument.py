"""Kinds of argument, for argparse."""

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
N = TypeVar("N", int, float)


def reading(kind: Callable[[str], T]) -> Callable[[str], T]:
    """Return *kind* such that argparse tells what its ValueError says."""

    def read(text: str) -> T:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def of_kind(kind: Any) -> Callable[[str], Any]:
    """Return what reads a value of one of the settings' kinds."""
    adapter = TypeAdapter(kind)

    @reading
    def read(text: str) -> Any:
        try:
            return adapter.validate_python(text)
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"{text!r}: {said}") from error

    return read


def between(kind: Callable[[str], N], lowest: float, highest: float) -> Callable[[str], N]:
    """Return what reads a number of some *kind* that must lie between two others."""

    def number(text: str) -> N:
        value = kind(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not between {lowest} and {highest}")
        return value

    return number


@reading
def natural(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a whole number from 0")
    return int(text)


@reading
def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is not a whole number from 1")
    return int(text)


@reading
def rate(text: str) -> float:
    """So many a second."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1_000_000:
        raise ValueError(f"{text!r} is not a number between 0.001 and 1000000")
    return number
