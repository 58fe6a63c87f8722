"""Where in a record its list of candidates is found, and where in a candidate each input of a signature."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from app.codecs.fields import FieldPath, RecordFields, empty_paths
from app.errors import StartFailed
from models.signature import Signature


@dataclass(frozen=True, slots=True)
class ListFields:
    """The fields of a record with candidates that the service reads.

    Attributes:
        inputs: one path per input of the signature, in its order: from a candidate's top or else from the record's.
        id: the path of the record's id.
        candidates: the path of the list.
        candidate_id: from a candidate's top, the path of its id.
    """

    inputs: tuple[FieldPath, ...]
    id: FieldPath
    candidates: FieldPath
    candidate_id: FieldPath

    @classmethod
    def of(
        cls,
        signature: Signature,
        *,
        fields: Mapping[str, str],
        id_field: str,
        candidates_field: str,
        candidate_id_field: str,
    ) -> "ListFields":
        """Find the fields; see `RecordFields.of`.

        Raises:
            StartFailed: a path belongs to no input, has an empty part, or is in another's way; one line per mistake.
        """
        record = RecordFields.of(signature, fields=fields, id_field=id_field)
        found = cls(record.inputs, record.id, FieldPath.dotted(candidates_field), FieldPath.dotted(candidate_id_field))
        named = {"CANDIDATES_FIELD": found.candidates, "CANDIDATE_ID_FIELD": found.candidate_id}
        if mistakes := [*empty_paths(named), *_in_the_way(found)]:
            raise StartFailed("\n".join(mistakes))
        return found


def _in_the_way(fields: ListFields) -> Iterator[str]:
    for other in dict.fromkeys([*fields.inputs, fields.id]):
        if other == fields.candidates or other.contains(fields.candidates) or fields.candidates.contains(other):
            yield (
                f"CANDIDATES_FIELD: {fields.candidates.text!r} and {other.text!r} are in each other's way; the list of "
                "candidates has to be a field of its own"
            )
    for outer, inner in permutations(dict.fromkeys([*fields.inputs, fields.candidate_id]), 2):
        if outer.contains(inner) and fields.candidate_id in {outer, inner}:
            where = f"{inner.text!r} lies inside {outer.text!r}, which is a value itself"
            yield f"INPUT_FIELDS, CANDIDATE_ID_FIELD: {where}"
