"""One version of the model, with all that depends on it."""

from dataclasses import dataclass

from app.codecs.candidates import CandidateDecoder
from app.codecs.json import JsonDecoder
from app.codecs.list_prediction import ListEncoder
from app.codecs.members import HeadWriter, MemberDecoder
from app.codecs.prediction import PredictionEncoder
from app.codecs.whole_lists import WholeListDecoder
from app.records import RecordFactory
from models.predictor import Predictor


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Ranker:
    """How records are read for one version of the model, ranked by it and answered.

    A chunk has the same from its decoding to its publishing, so that nothing of it sees two versions.

    Attributes:
        predictor: the model.
        decoder: record bytes to the rows that it takes.
        encoder: its rankings to record bytes.
        records: makes what is published, with its name and version in the headers.
        score_column: of the model's scores, the one that ranks candidates, or members of groups.
    """

    predictor: Predictor
    decoder: JsonDecoder | CandidateDecoder | WholeListDecoder | MemberDecoder
    encoder: PredictionEncoder | ListEncoder | HeadWriter
    records: RecordFactory
    score_column: int = 0
