"""The settings of the link to the brokers: what is encrypted, who logs in and whom we trust."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.group import Group
from config.sources import Given, assignment
from config.values import Local, Secret, Text

_SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_SSL = ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE", "KAFKA_SSL_KEY_PASSWORD")
_PROTOCOLS = {"PLAINTEXT": (), "SSL": _SSL, "SASL_PLAINTEXT": _SASL, "SASL_SSL": (*_SASL, *_SSL)}
"""The variables that each protocol uses."""

_TOGETHER = {
    "KAFKA_SSL_CERTFILE": "KAFKA_SSL_KEYFILE",
    "KAFKA_SSL_KEYFILE": "KAFKA_SSL_CERTFILE",
    "KAFKA_SSL_KEY_PASSWORD": "KAFKA_SSL_KEYFILE",
}
"""Variables that say nothing without another one."""


class SecuritySettings(Group):
    """How brokers are connected to; what is secret shows neither in `repr` nor in a dump."""

    protocol: Annotated[Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(str.upper)] = Field(
        "PLAINTEXT",
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`: `SSL` encrypts, `SASL` logs in",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None,
        validation_alias="KAFKA_SASL_MECHANISM",
        description="how the password is proved: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
    )
    sasl_username: Text | None = Field(
        None, validation_alias="KAFKA_SASL_USERNAME", description="who logs in; or `KAFKA_SASL_USERNAME_FILE`"
    )
    sasl_password: Secret | None = Field(
        None,
        validation_alias="KAFKA_SASL_PASSWORD",
        description="the password; or `KAFKA_SASL_PASSWORD_FILE`, the path of a file that holds it",
    )
    ssl_cafile: Annotated[Path, Local] | None = Field(
        None,
        validation_alias="KAFKA_SSL_CAFILE",
        description="the authorities that may have signed a broker's certificate, in PEM form; unset: the system's",
    )
    ssl_certfile: Annotated[Path, Local] | None = Field(
        None,
        validation_alias="KAFKA_SSL_CERTFILE",
        description="our own certificate, in PEM form, for brokers that want one",
    )
    ssl_keyfile: Annotated[Path, Local] | None = Field(
        None, validation_alias="KAFKA_SSL_KEYFILE", description="the private key of our certificate, in PEM form"
    )
    ssl_key_password: Secret | None = Field(
        None,
        validation_alias="KAFKA_SSL_KEY_PASSWORD",
        description="the password of an encrypted private key; or `KAFKA_SSL_KEY_PASSWORD_FILE`",
    )


def at_odds(values: Mapping[str, Given]) -> Iterator[str]:
    """Yield a line for each variable in *values* that lacks another one, or that the protocol does not use."""
    protocol = values["KAFKA_SECURITY_PROTOCOL"].value.strip().upper() if "KAFKA_SECURITY_PROTOCOL" in values else ""
    used = _PROTOCOLS.get(protocol or "PLAINTEXT")
    if used is None:
        return  # a wrong protocol is a mistake of its own, and what it uses nobody can tell
    for name in (*_SASL, *_SSL):
        given = _given_as(name, values)
        if given and name not in used:
            yield f"{assignment(given, values)}: {_unused(name, protocol)}"
        elif given and name in _TOGETHER and not _given_as(_TOGETHER[name], values):
            yield f"{assignment(given, values)}: needs {_TOGETHER[name]} too (certificate and key may be in one file)"
        elif not given and name in used and name in _SASL:
            yield f"{name} is missing: KAFKA_SECURITY_PROTOCOL={protocol} logs in and needs it"


def _given_as(name: str, values: Mapping[str, Given]) -> str | None:
    """*name*, or the variable of the file that holds its value; None when neither is given."""
    # A file that could not be read counts: that is a mistake of its own.
    return next((variable for variable in (name, f"{name}_FILE") if variable in values), None)


def _unused(name: str, protocol: str) -> str:
    here = f"KAFKA_SECURITY_PROTOCOL={protocol}" if protocol else "KAFKA_SECURITY_PROTOCOL=PLAINTEXT (the default)"
    others = " or ".join(other for other, used in _PROTOCOLS.items() if name in used)
    return f"not used with {here}; unset it, or set that to {others}"
