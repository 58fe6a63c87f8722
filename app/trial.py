"""Whether a version of the model may take over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.assembly import load_predictor, make_ranker
from app.errors import StartFailed, VersionRefused
from app.ranker import Ranker
from config.settings import Settings
from models.errors import ModelError, OutOfMemory, RowsRefused
from models.predictor import Columns, Predictor, TopK, height


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
        most = settings.batch.max_size
        for ranking in _ranked(predictor, group.columns, min(most, predictor.largest_batch or most)):
            if settings.model.non_finite == "reject" and not ranking.finite.all():
                raise VersionRefused("rejected", "its scores of recent records are NaN or infinite")
    return ranker


def _ranked(predictor: Predictor, columns: Columns, most: int) -> Iterator[TopK]:
    """Yield what the model says of the rows, *most* at a time, or fewer where memory does not hold so many."""
    for start in range(0, height(columns), most):
        part = {name: column[start : start + most] for name, column in columns.items()}
        try:
            yield predictor.predict(part)
        except OutOfMemory as error:
            if most == 1:
                raise VersionRefused("failed", f"it has no memory for a single record: {error}") from error
            yield from _ranked(predictor, part, most // 2)
        except RowsRefused as error:
            raise VersionRefused("rejected", f"it refuses records that the serving version ranks: {error}") from error
        except ModelError as error:
            raise VersionRefused("failed", str(error)) from error


def verdict(settings: Settings, values: Sequence[bytes]) -> tuple[str, str] | None:
    """Load a version and examine it; returns None, or what the arguments of `VersionRefused` would be."""
    try:
        examine(settings, load_predictor(settings), values)
    except VersionRefused as error:
        return error.outcome, str(error)
    except ModelError as error:
        return "failed", str(error)
    return None
