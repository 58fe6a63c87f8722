"""The settings of rankings across records."""

from typing import Literal

from pydantic import Field

from config.group import Group
from config.values import Text


class StandingsSettings(Group):
    """With `RANK_BY=standings`: whose records they are, and how the groups' rankings are kept and published."""

    group_field: Text = Field(
        "group",
        validation_alias="STANDINGS_GROUP_FIELD",
        description="with `RANK_BY=standings`: the field with the name of the group, such as a race",
    )
    member_field: Text = Field(
        "member",
        validation_alias="STANDINGS_MEMBER_FIELD",
        description="the field with the name of the member of the group that the record is about",
    )
    order_field: Text | None = Field(
        None,
        validation_alias="STANDINGS_ORDER_FIELD",
        description="the field with a number that never goes back for a member, such as a lap or a clock; records "
        "that do are refused",
    )
    emit: Literal["record", "batch"] = Field(
        "record",
        validation_alias="STANDINGS_EMIT",
        description="each `record` publishes its group's ranking, or of those that are published together (a `batch`) "
        "the last one of each group",
    )
    conflate: bool = Field(
        True,
        validation_alias="STANDINGS_CONFLATE",
        description="of several waiting records of one member only the newest is scored",
    )
    ttl_seconds: float = Field(
        86_400.0,
        gt=0,
        le=3_153_600_000,
        allow_inf_nan=False,
        validation_alias="STANDINGS_TTL_SECONDS",
        description="a group leaves when so long no record of it came",
    )
