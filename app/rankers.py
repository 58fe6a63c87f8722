"""Put together what depends on one version of the model, as `RANK_BY` asks for it."""

from typing import Any

from app.codecs.candidates import Bounds, CandidateDecoder
from app.codecs.json import JsonDecoder
from app.codecs.list_prediction import ListEncoder
from app.codecs.member_fields import MemberFields
from app.codecs.members import HeadWriter, MemberDecoder
from app.codecs.prediction import PredictionEncoder
from app.codecs.whole_lists import ListAxis, WholeListDecoder
from app.ranker import Ranker
from app.records import RecordFactory
from app.score_column import score_column
from config.settings import Settings
from models.predictor import Predictor

_MASK = "mask"


def make_ranker(settings: Settings, predictor: Predictor) -> Ranker:
    """Return *predictor* with what reads records for it and writes its rankings.

    Raises:
        StartFailed: records cannot be read so, or its scores rank nothing; one line per mistake.
    """
    records = RecordFactory(predictor.name, predictor.version)
    if settings.rank.by == "classes":
        return Ranker(predictor, _decoder(settings, predictor), _encoder(settings, predictor), records)
    if settings.rank.by == "standings":
        column = score_column(predictor, settings.model.score_column)
        head = HeadWriter(model=predictor.name, version=predictor.version)
        return Ranker(predictor, _member_decoder(settings, predictor), head, records, column)
    if settings.rank.candidate_rows == "list":
        return Ranker(predictor, _whole_decoder(settings, predictor), _list_encoder(settings, predictor), records)
    column = score_column(predictor, settings.model.score_column)
    return Ranker(predictor, _list_decoder(settings, predictor), _list_encoder(settings, predictor), records, column)


def _decoder(settings: Settings, predictor: Predictor) -> JsonDecoder:
    return JsonDecoder(
        predictor.signature,
        fields=settings.input.fields,
        id_field=settings.input.record_id_field,
        max_bytes=settings.input.record_max_bytes,
    )


def _member_decoder(settings: Settings, predictor: Predictor) -> MemberDecoder:
    fields = MemberFields.of(
        predictor.signature,
        fields=settings.input.fields,
        id_field=settings.input.record_id_field,
        group_field=settings.standings.group_field,
        member_field=settings.standings.member_field,
        order_field=settings.standings.order_field,
    )
    return MemberDecoder(predictor.signature, fields, max_bytes=settings.input.record_max_bytes)


def _encoder(settings: Settings, predictor: Predictor) -> PredictionEncoder:
    return PredictionEncoder(
        model=predictor.name,
        version=predictor.version,
        labels=predictor.labels,
        min_score=settings.rank.min_score,
        non_finite=settings.model.non_finite,
    )


def _list_decoder(settings: Settings, predictor: Predictor) -> CandidateDecoder:
    return CandidateDecoder(predictor.signature, **_of_lists(settings))


def _whole_decoder(settings: Settings, predictor: Predictor) -> WholeListDecoder:
    mask, length = settings.rank.candidate_mask_input, predictor.classes
    if mask is None and any(
        spec.name == _MASK and ListAxis(length, None).takes_as_mask(spec) for spec in predictor.signature.inputs
    ):
        mask = _MASK
    return WholeListDecoder(predictor.signature, ListAxis(length, mask), **_of_lists(settings))


def _of_lists(settings: Settings) -> dict[str, Any]:
    return {
        "fields": settings.input.fields,
        "id_field": settings.input.record_id_field,
        "candidates_field": settings.input.candidates_field,
        "candidate_id_field": settings.input.candidate_id_field,
        "bounds": Bounds(
            max_bytes=settings.input.record_max_bytes,
            candidates=settings.batch.in_flight_max_records,
            batch_rows=settings.batch.max_size,
            batch_bytes=settings.batch.in_flight_max_bytes,
        ),
        "drop": settings.rank.candidate_errors == "drop_candidate",
    }


def _list_encoder(settings: Settings, predictor: Predictor) -> ListEncoder:
    return ListEncoder(
        model=predictor.name,
        version=predictor.version,
        top_k=settings.rank.top_k,
        min_score=settings.rank.min_score,
        tells_dropped=settings.rank.candidate_errors == "drop_candidate",
    )
