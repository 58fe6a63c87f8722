"""A version of the model with nothing beside it."""

from typing import Any, cast

from app.beside import Beside
from app.canary import Canary
from app.errors import ModelFailed
from app.tryout import Tryout


class Alone:
    """Nothing ranks beside the version that serves."""

    canary = shadow = None

    def canary_ranked(self, canary: Canary, given: int, refused: int) -> None:
        raise AssertionError("there is none")

    def canary_failed(self, canary: Canary, error: ModelFailed) -> None:
        raise AssertionError("there is none")


def nothing_beside(tryout: Tryout, observer: Any) -> Beside:
    """Let nothing in."""
    return Beside({}, tryout=tryout, sides=cast(Any, None), observer=observer)
