import pytest

from app.deadletters.place import Place


def test_a_place_is_read_as_it_is_written() -> None:
    assert Place.read("2@17") == Place(2, 17)
    assert str(Place(2, 17)) == "2@17"


@pytest.mark.parametrize("text", ["", "2", "@", "2@", "@17", "2@-1", "2:17", " 2@17", "2@17@3", "2@1_7"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not PARTITION@OFFSET, such as 2@17"):
        Place.read(text)
