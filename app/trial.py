"""Whether a version of the model may take over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from app.assembly import load_predictor
from app.codecs.candidates import DecodedLists, portions
from app.codecs.json import Decoded, JsonDecoder
from app.codecs.members import MemberDecoder
from app.errors import ModelFailed, RejectedRecord, StartFailed, VersionRefused
from app.list_scores import Answer, ListScores
from app.ranker import Ranker
from app.rankers import make_ranker
from config.settings import Settings
from models.errors import ModelError, OutOfMemory, RowsRefused
from models.predictor import Columns, Predictor, TopK, height

_RECENT = "recent"


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
    records = [_Record(value) for value in values]
    if isinstance(ranker.decoder, JsonDecoder | MemberDecoder):
        _examine_rows(settings, ranker, ranker.decoder.decode(records, _RECENT))
    else:
        for _, decoded in portions(ranker.decoder, records, _RECENT):
            _examine_lists(settings, ranker, decoded)
    return ranker


def _examine_rows(settings: Settings, ranker: Ranker, decoded: Decoded) -> None:
    _refuse_unless_fed(decoded)
    for group in decoded.groups:
        for ranking in _ranked(settings, ranker.predictor, group.columns):
            if settings.model.non_finite == "reject" and not ranking.finite.all():
                raise VersionRefused("rejected", "its scores of recent records are NaN or infinite")


def _examine_lists(settings: Settings, ranker: Ranker, decoded: DecodedLists) -> None:
    _refuse_unless_fed(decoded)
    whole = settings.rank.candidate_rows == "list"
    answers = []
    for group in decoded.groups:
        width = cast(int, group.shape_key) if whole else None
        rankings = [*_ranked(settings, ranker.predictor, group.columns)]
        try:
            answers.append(Answer.of(group, rankings, {}, column=ranker.score_column, width=width))
        except ModelFailed as error:
            raise VersionRefused("rejected", str(error)) from error
    scores = ListScores(decoded, answers, whole=whole, finite=settings.model.non_finite == "reject")
    drop = settings.rank.candidate_errors == "drop_candidate"
    for place in decoded.lists:
        if isinstance(why := scores.listed(place, drop=drop), RejectedRecord):
            raise VersionRefused("rejected", f"it does not rank recent records: {why.message}")


def _refuse_unless_fed(decoded: Decoded) -> None:
    for _, rejection in decoded.rejected:
        raise VersionRefused("rejected", f"records that feed the serving version do not feed it: {rejection.message}")


def _ranked(settings: Settings, predictor: Predictor, columns: Columns) -> Iterator[TopK]:
    """Yield what the model says of the rows, in batches."""
    most = settings.batch.max_size
    yield from _in_batches(predictor, columns, min(most, predictor.largest_batch or most))


def _in_batches(predictor: Predictor, columns: Columns, most: int) -> Iterator[TopK]:
    """Yield what the model says of the rows, *most* at a time, or fewer where memory does not hold so many."""
    for start in range(0, height(columns), most):
        part = {name: column[start : start + most] for name, column in columns.items()}
        try:
            yield predictor.predict(part)
        except OutOfMemory as error:
            if most == 1:
                raise VersionRefused("failed", f"it has no memory for a single record: {error}") from error
            yield from _in_batches(predictor, part, most // 2)
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
