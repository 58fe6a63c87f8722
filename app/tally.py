"""How many records a version of the model refuses."""

from dataclasses import dataclass

_LATELY = 10_000
_ENOUGH = 20
_WORSE = 0.05


@dataclass(slots=True)
class Tally:
    """How many records a version was given lately, and how many of them it refused."""

    given: int = 0
    refused: int = 0

    @property
    def share(self) -> float:
        """Of the records, those that it refused."""
        return self.refused / self.given if self.given else 0.0

    def note(self, given: int, refused: int) -> None:
        """Count records; the longer ago, the less they count."""
        if self.given > _LATELY:
            self.given, self.refused = self.given // 2, self.refused // 2
        self.given += given
        self.refused += refused

    def is_worse_than(self, share: float) -> bool:
        """Whether clearly more than *share* is refused, of enough records to tell."""
        return self.given >= _ENOUGH and self.share > share + _WORSE
