"""Whether the environment asks for traces, in the variables that are OpenTelemetry's own."""

from collections.abc import Mapping

from app.errors import StartFailed

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_HTTP = "http/protobuf"
_SAMPLER = "OTEL_TRACES_SAMPLER"
SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
"""Names of samplers: those of the specification, without the ones that ask somebody else."""


def wanted(environ: Mapping[str, str]) -> str | None:
    """Return the assignment in *environ* that asks for traces; None: nothing does, or something says no.

    Raises:
        StartFailed: they are to leave in a way that they cannot, or to be chosen in one that is not known.
    """
    given = {name: value.strip() for name, value in environ.items() if name.startswith("OTEL_") and value.strip()}
    exporter = given.get(_EXPORTER, "").lower()
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return None
    if exporter not in {"", "otlp"}:
        raise StartFailed(f"{_EXPORTER}={given[_EXPORTER]}: must be otlp or none")
    asking = next((name for name in (*_ENDPOINTS, _EXPORTER) if name in given), None)
    if asking is None:
        return None
    protocol = next((name for name in _PROTOCOLS if name in given), None)
    if protocol is not None and given[protocol].lower() != _HTTP:
        raise StartFailed(
            f"{protocol}={given[protocol]}: spans leave over {_HTTP} only; set it to that, and the endpoint to the "
            "collector's port for it, which is 4318 as a rule"
        )
    # The SDK would warn, and trace every record.
    if _SAMPLER in given and environ[_SAMPLER].lower() not in SAMPLERS:
        raise StartFailed(f"{_SAMPLER}={environ[_SAMPLER]}: must be one of {', '.join(SAMPLERS)}")
    # Not the address, which may hold a password.
    return asking
