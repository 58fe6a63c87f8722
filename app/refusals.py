"""Versions of the model that are not to be used, until they change."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from models.repository import Files


class Refusals:
    """Remembers what was refused and why.

    Args:
        reasons: what was refused before anybody looked at its files, which are taken to be those of the first look.
    """

    def __init__(self, reasons: Mapping[int, str] = MappingProxyType({})) -> None:
        self._refused: dict[int, tuple[Files | None, str]] = {number: (None, why) for number, why in reasons.items()}

    def note(self, number: int, files: Files | None, reason: str) -> None:
        """Take note that version *number*, which consists of *files*, is refused."""
        self._refused[number] = files, reason

    def forget_changed(self, there: Mapping[int, Files]) -> None:
        """Give a version that is not as it was when it was refused another chance."""
        for number, (files, reason) in list(self._refused.items()):
            if files is None and number in there:
                self._refused[number] = there[number], reason
            elif there.get(number) != files:
                del self._refused[number]

    def __contains__(self, number: object) -> bool:
        """Whether version *number* is refused."""
        return number in self._refused

    def __iter__(self) -> Iterator[int]:
        """Yield what is refused."""
        return iter(tuple(self._refused))

    @property
    def reasons(self) -> dict[str, str]:
        """Why, by version."""
        return {str(number): reason for number, (_, reason) in sorted(self._refused.items())}
