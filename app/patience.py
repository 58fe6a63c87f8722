"""Asking a model that is at fault itself again for a while, before giving it up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.backoff import Backoff
from app.errors import ModelFailed
from models.errors import ModelUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Patience:
    """Puts a question again while the model is at fault itself.

    Args:
        backoff: how often, and the pauses between.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._pending: dict[object, ModelUnavailable] = {}

    @property
    def trouble(self) -> str | None:
        """What keeps the model from answering now; None when it answers."""
        error = next(iter(self._pending.values()), None)
        return None if error is None else f"the model fails: {error}; trying again"

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to *question*; while it raises ModelUnavailable, ask again after each pause.

        Raises:
            ModelFailed: the last attempt failed too.
        """
        try:
            return await question()
        except ModelUnavailable as error:
            return await self._ask_again(question, error)

    async def _ask_again(self, question: Callable[[], Awaitable[T]], error: ModelUnavailable) -> T:
        me = object()
        try:
            for pause in self._backoff:
                self._note(me, error)
                await asyncio.sleep(pause)
                try:
                    return await question()
                except ModelUnavailable as again:
                    error = again
            raise ModelFailed(f"the model fails, also at attempt {self._backoff.pauses + 1}: {error}") from error
        finally:
            self._pending.pop(me, None)
            del error  # it holds on to this frame, and to the rows

    def _note(self, me: object, error: ModelUnavailable) -> None:
        if not self._pending:
            # As text: an error holds on to the model, and who keeps log records would too.
            logger.warning("the model fails; trying again, nothing of its batch is acknowledged: %s", str(error))
        self._pending[me] = error
