"""Where in a record each input of a signature and the record's id are found."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from app.errors import StartFailed
from models.signature import Signature

_LEVEL = re.compile(r"(?<!\\)\.")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The way from a record's top to one of its fields.

    Attributes:
        text: the path as users write it; messages show it.
        names: the keys to follow, outermost first.
    """

    text: str
    names: tuple[str, ...]

    @classmethod
    def dotted(cls, text: str) -> "FieldPath":
        r"""Return the path that *text* spells: a dot goes one level down, `\.` is a dot inside a name."""
        return cls(text, tuple(name.replace("\\.", ".") for name in _LEVEL.split(text)))

    def contains(self, other: "FieldPath") -> bool:
        """Tell whether *other* lies inside the field that this path leads to."""
        return len(self.names) < len(other.names) and other.names[: len(self.names)] == self.names


@dataclass(frozen=True, slots=True)
class RecordFields:
    """The fields of a record that the service reads.

    Attributes:
        inputs: one path per input of the signature, in the signature's order.
        id: the path of the record's id.
    """

    inputs: tuple[FieldPath, ...]
    id: FieldPath

    @classmethod
    def of(cls, signature: Signature, *, fields: Mapping[str, str], id_field: str) -> "RecordFields":
        """Find the field of every input: its dotted path in *fields*, else a top-level field of the input's own name.

        Raises:
            StartFailed: a path belongs to no input, has an empty part or lies inside another; one line per mistake.
        """
        names = [spec.name for spec in signature.inputs]
        paths = {name: FieldPath.dotted(fields[name]) if name in fields else FieldPath(name, (name,)) for name in names}
        found = cls(tuple(paths.values()), FieldPath.dotted(id_field))
        if mistakes := [*_strangers(signature, fields), *_empty(paths, found.id), *_nested(found)]:
            raise StartFailed("\n".join(mistakes))
        return found


def _strangers(signature: Signature, fields: Mapping[str, str]) -> Iterator[str]:
    known = [spec.name for spec in signature.inputs]
    if not known:
        yield f"the signature {signature.name!r} has no inputs, so there is nothing to rank records by"
    for name in fields:
        if name not in known:
            yield (
                f"INPUT_FIELDS: {name!r} is no input of the signature {signature.name!r}; "
                f"its inputs are: {', '.join(known)}"
            )


def _empty(paths: Mapping[str, FieldPath], id_path: FieldPath) -> Iterator[str]:
    for name, path in paths.items():
        if not all(path.names):
            yield (
                f"INPUT_FIELDS: the path {path.text!r} of the input {name!r} has an empty part; "
                f"the inputs are: {', '.join(paths)}"
            )
    yield from empty_paths({"RECORD_ID_FIELD": id_path})


def empty_paths(paths: Mapping[str, FieldPath]) -> Iterator[str]:
    """Yield a mistake for each path, by its variable, that has an empty part."""
    for variable, path in paths.items():
        if not all(path.names):
            yield f"{variable}: the path {path.text!r} has an empty part"


def _nested(fields: RecordFields) -> Iterator[str]:
    for outer, inner in permutations(dict.fromkeys([*fields.inputs, fields.id]), 2):
        if outer.contains(inner):
            yield f"INPUT_FIELDS, RECORD_ID_FIELD: {inner.text!r} lies inside {outer.text!r}, which is a value itself"
