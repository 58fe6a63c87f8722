"""Where in a record its group, its member and its place in time are found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from app.codecs.fields import FieldPath, RecordFields, empty_paths
from app.errors import StartFailed
from models.signature import Signature


@dataclass(frozen=True, slots=True)
class MemberFields:
    """The fields of a record about a member of a group that the service reads.

    Attributes:
        record: those that any record has.
        group: the path of the group's name.
        member: the path of the member's.
        order: the path of what orders a member's records in time; None: their offsets do.
    """

    record: RecordFields
    group: FieldPath
    member: FieldPath
    order: FieldPath | None

    @classmethod
    def of(
        cls,
        signature: Signature,
        *,
        fields: Mapping[str, str],
        id_field: str,
        group_field: str,
        member_field: str,
        order_field: str | None,
    ) -> "MemberFields":
        """Find the fields; see `RecordFields.of`.

        Raises:
            StartFailed: a path belongs to no input, has an empty part, or lies inside another; one line per mistake.
        """
        found = cls(
            RecordFields.of(signature, fields=fields, id_field=id_field),
            FieldPath.dotted(group_field),
            FieldPath.dotted(member_field),
            None if order_field is None else FieldPath.dotted(order_field),
        )
        if mistakes := [*empty_paths(found.named), *_nested(found)]:
            raise StartFailed("\n".join(mistakes))
        return found

    @property
    def named(self) -> dict[str, FieldPath]:
        """The paths of their own, by the variables that set them."""
        named = {"STANDINGS_GROUP_FIELD": self.group, "STANDINGS_MEMBER_FIELD": self.member}
        return named if self.order is None else named | {"STANDINGS_ORDER_FIELD": self.order}


def _nested(fields: MemberFields) -> Iterator[str]:
    own = {path: variable for variable, path in fields.named.items()}
    for outer, inner in permutations(dict.fromkeys([*fields.record.inputs, fields.record.id, *own]), 2):
        if outer.contains(inner) and (variable := own.get(inner) or own.get(outer)):
            yield f"{variable}: {inner.text!r} lies inside {outer.text!r}, which is a value itself"
