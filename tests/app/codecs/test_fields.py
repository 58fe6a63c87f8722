import pytest

from app.codecs.fields import FieldPath, RecordFields
from models.signature import Signature, TensorSpec


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ("id",)),
        ("a.b.c", ("a", "b", "c")),
        (r"a\.b", ("a.b",)),
        (r"a\.b.c\.d", ("a.b", "c.d")),
        ("a b.ü", ("a b", "ü")),
        (r"a\b", (r"a\b",)),
        ("", ("",)),
        (".a", ("", "a")),
    ],
)
def test_a_dot_goes_one_level_down_and_an_escaped_dot_is_part_of_a_name(text: str, names: tuple[str, ...]) -> None:
    assert FieldPath.dotted(text) == FieldPath(text, names)


def test_a_dot_in_an_inputs_own_name_is_literal() -> None:
    signature = Signature("s", (TensorSpec("a.b", "float32", ()), TensorSpec("c", "float32", ())))
    fields = RecordFields.of(signature, fields={"c": "d.e"}, id_field="meta.id")

    assert [path.names for path in fields.inputs] == [("a.b",), ("d", "e")]
    assert fields.id.names == ("meta", "id")


def test_a_path_contains_what_lies_below_it_and_neither_itself_nor_its_neighbours() -> None:
    path = FieldPath.dotted("a.b")

    assert path.contains(FieldPath.dotted("a.b.c"))
    assert not any(path.contains(FieldPath.dotted(other)) for other in ("a.b", "a", "a.c.b", "a.bc"))
