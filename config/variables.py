"""The variables that the settings are read from, as the settings classes declare them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: as the environment spells it.
        group: the attribute of `Settings` that it belongs to.
        field: the attribute of that group.
        meaning: one phrase, with Markdown's backticks.
        required: whether there is no default.
        default: the default as one would write it, or None where there is none or it depends on others.
        default_text: what a table says of the default: that, `required`, `unset`, or where it comes from.
        example: a value to show for a required variable.
    """

    name: str
    group: str
    field: str
    meaning: str
    required: bool
    default: str | None
    default_text: str
    example: str | None


def variables(settings: type[BaseModel]) -> tuple[Variable, ...]:
    """Return every variable that *settings*, a class of groups, is read from, in the order of declaration."""
    return tuple(_walk(settings))


def _walk(settings: type[BaseModel]) -> Iterator[Variable]:
    for group, group_info in settings.model_fields.items():
        assert isinstance(group_info.annotation, type)  # noqa: S101 Settings holds classes of fields only
        for field, info in group_info.annotation.model_fields.items():
            yield _variable(group, field, info)


def _variable(group: str, field: str, info: FieldInfo) -> Variable:
    required = info.is_required()
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    # Where the default depends on other variables, its text is what it is without them.
    value = extra.get("default_text") if info.default_factory else info.default
    default = None if required else _text(value)
    return Variable(
        name=str(info.validation_alias),
        group=group,
        field=field,
        meaning=info.description or "",
        required=required,
        default=default,
        default_text=str(extra.get("default_text") or ("required" if required else default or "unset")),
        example=str(info.examples[0]) if info.examples else None,
    )


def _text(default: Any) -> str | None:
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default) if default not in {None, ""} else None
