"""What all groups of settings have in common."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Base of the groups: frozen, and fed from one flat mapping of all variables.

    A field is read from the variable that its alias names; its description is what the generated tables say of it.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_default=True, str_strip_whitespace=True, hide_input_in_errors=True
    )
