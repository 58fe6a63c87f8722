"""The fast way and the exact way must never differ about a record."""

from collections.abc import Sequence

from hypothesis import event, given, settings
from hypothesis import strategies as st

from app.codecs.columns import Column, Row
from app.codecs.exact import ExactReader
from app.codecs.fields import RecordFields
from app.codecs.json import JsonDecoder, RowGroup
from app.errors import RejectedRecord
from models.signature import Signature
from tests.app.codecs.documents import FIELDS, ID_FIELD, documents, signatures
from tests.app.codecs.records import ORIGIN, Record, assert_same

MAX_BYTES = 20_000


def _fields(signature: Signature) -> dict[str, str]:
    return {spec.name: FIELDS[spec.name] for spec in signature.inputs if spec.name in FIELDS}


@st.composite
def chunks(draw: st.DrawFn) -> tuple[Signature, list[bytes]]:
    signature = draw(signatures())
    return signature, draw(st.lists(documents(signature), min_size=1, max_size=4))


@settings(max_examples=400, deadline=None, print_blob=True)
@given(chunks())
def test_whatever_the_records_the_decoder_says_what_the_exact_way_alone_says(
    chunk: tuple[Signature, list[bytes]],
) -> None:
    signature, values = chunk
    fields = _fields(signature)
    columns = [Column.of(spec) for spec in signature.inputs]
    exact = ExactReader(columns, RecordFields.of(signature, fields=fields, id_field=ID_FIELD), MAX_BYTES)
    decoder = JsonDecoder(signature, fields=fields, id_field=ID_FIELD, max_bytes=MAX_BYTES)

    decoded = decoder.decode([Record(value, key=b"key") for value in values], ORIGIN)

    rejected = dict(decoded.rejected)
    rows = {place: (group, row) for group in decoded.groups for row, place in enumerate(group.positions)}
    assert sorted([*rejected, *rows]) == list(range(len(values)))
    for place, value in enumerate(values):
        verdict = _verdict(exact, value)
        if isinstance(verdict, RejectedRecord):
            event(f"refused: {verdict.reason}")
            assert (rejected[place].reason, rejected[place].message) == (verdict.reason, verdict.message)
        else:
            event("taken")
            _assert_row(*rows[place], columns, verdict)


def _verdict(exact: ExactReader, value: bytes) -> Row | RejectedRecord:
    try:
        return exact.row(value)
    except RejectedRecord as rejection:
        return rejection


def _assert_row(group: RowGroup, row: int, columns: Sequence[Column], expected: Row) -> None:
    identifier = "key" if expected[0] is None else expected[0]
    assert (type(group.ids[row]), group.ids[row]) == (type(identifier), identifier)
    for column, cell in zip(columns, expected[1:], strict=True):
        assert_same(group.columns[column.name][row], column.stack([cell])[0][0])
