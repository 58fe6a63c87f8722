"""Whether a version of the model may take over."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.assembly import load_predictor, make_ranker
from app.errors import StartFailed, VersionRefused
from app.ranker import Ranker
from config.settings import Settings
from models.errors import ModelError
from models.predictor import Predictor


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that was ranked lately."""

    value: bytes
    key: bytes | None = None
    offset: int = 0


def examine(settings: Settings, predictor: Predictor, values: Sequence[bytes]) -> Ranker:
    """Return what ranks with *predictor*, once it has shown that it can rank records with these *values*.

    Raises:
        VersionRefused: it cannot.
    """
    try:
        ranker = make_ranker(settings, predictor)
    except StartFailed as error:
        raise VersionRefused("rejected", str(error)) from error
    decoded = ranker.decoder.decode([_Record(value) for value in values], "recent")
    for _, rejection in decoded.rejected:
        raise VersionRefused("rejected", f"records that feed the serving version do not feed it: {rejection.message}")
    for group in decoded.groups:
        try:
            ranking = predictor.predict(group.columns)
        except ModelError as error:
            raise VersionRefused("rejected", f"it refuses records that the serving version ranks: {error}") from error
        if settings.model.non_finite == "reject" and not ranking.finite.all():
            raise VersionRefused("rejected", "its scores of recent records are NaN or infinite")
    return ranker


def verdict(settings: Settings, values: Sequence[bytes]) -> tuple[str, str] | None:
    """Load a version and examine it; returns None, or what the arguments of `VersionRefused` would be."""
    try:
        examine(settings, load_predictor(settings), values)
    except VersionRefused as error:
        return error.outcome, str(error)
    except ModelError as error:
        return "failed", str(error)
    return None
