"""The settings of the live page: what it may show of records, and how."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from config.group import Group
from config.values import Paths


class PageSettings(Group):
    """What the page at `/` shows beside figures."""

    shows_records: bool = Field(
        False,
        validation_alias="PAGE_SHOWS_RECORDS",
        description="`true`: the page shows ids, labels, scores and `PAGE_FIELDS` to everybody who reaches the port",
    )
    fields: Paths = Field(
        "[]",
        validate_default=True,
        max_length=8,
        validation_alias="PAGE_FIELDS",
        description="JSON list of up to 8 dotted paths in the input record, shown beside each ranked record or member",
    )
    scores_as: Literal["scores", "softmax"] = Field(
        "scores",
        validation_alias="PAGE_SCORES_AS",
        description="`scores` as they are, or their `softmax` over the ranked entries: the chance to be the first, "
        "where the model's scores are meant so",
    )

    @field_validator("fields")
    @classmethod
    def _only_where_records_are_shown(cls, paths: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if paths and info.data.get("shows_records") is False:
            raise ValueError("used only with PAGE_SHOWS_RECORDS=true")
        return paths
