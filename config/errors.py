"""What can go wrong with the configuration.

SettingsError   the environment asks for something that cannot be: stop the start, print every mistake
"""

from collections.abc import Sequence


class SettingsError(Exception):
    """The settings are wrong; `mistakes` holds one line for each mistake, secrets masked."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)
