"""The settings of the process: batches and memory, the HTTP port, how it stops and what it says."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from config.group import Group
from config.values import INT32_MAX, ByteCount, Count, Sizes, Text


def _default_max_size(given: dict[str, Any]) -> int:
    sizes: tuple[int, ...] = given["allowed_sizes"]
    return min((512, *sizes[-1:]))


class BatchSettings(Group):
    """How rows are grouped, and how much is held in memory (`in_flight_max_*`)."""

    allowed_sizes: Sizes = Field(
        (),
        validation_alias="BATCH_ALLOWED_SIZES",
        description="the only sizes that the model is called with, such as `8,64,512`; batches are filled up to the "
        "next one with copies of a row",
    )
    max_size: Count = Field(
        default_factory=_default_max_size,
        validate_default=True,
        validation_alias="BATCH_MAX_SIZE",
        description="most rows in one model call; the default is no more than the largest of `BATCH_ALLOWED_SIZES`",
        json_schema_extra={"default_text": "512"},
    )
    max_delay_ms: float = Field(
        0.0,
        ge=0,
        le=3_600_000,
        allow_inf_nan=False,
        validation_alias="BATCH_MAX_DELAY_MS",
        description="longest that the oldest row waits for company",
    )
    target_latency_ms: float = Field(
        0.0,
        ge=0,
        le=3_600_000,
        allow_inf_nan=False,
        validation_alias="BATCH_TARGET_LATENCY_MS",
        description="batches are no larger than keeps their rows, waiting and model together, within this, as far as "
        "the model lets; 0 = as large as they can be",
    )
    catch_up_seconds: float = Field(
        10.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="LAG_CATCH_UP_SECONDS",
        description="further behind than that, `BATCH_TARGET_LATENCY_MS` does not hold, until half of it is left; 0 = "
        "it holds always",
    )
    max_in_flight: int = Field(
        2,
        ge=1,
        le=1000,
        validation_alias="BATCH_MAX_IN_FLIGHT",
        description="batches in the model at once; each takes a thread",
    )
    in_flight_max_records: Count = Field(
        20_000, validation_alias="IN_FLIGHT_MAX_RECORDS", description="records fetched and not yet committed, at most"
    )
    in_flight_max_bytes: ByteCount = Field(
        "64MiB",
        validate_default=True,
        validation_alias="IN_FLIGHT_MAX_BYTES",
        description="bytes fetched and not yet committed, at most; sizes such as `64MiB`, `1 GiB`, `500kB` go too",
    )

    @field_validator("max_size")
    @classmethod
    def _be_allowed(cls, size: int, info: ValidationInfo) -> int:
        allowed = info.data.get("allowed_sizes")
        if allowed and size > allowed[-1]:
            limit = {"other": "the largest of BATCH_ALLOWED_SIZES", "most": allowed[-1]}
            raise PydanticCustomError("beyond", "must be at most {most}, {other}", limit)
        return size

    @field_validator("target_latency_ms")
    @classmethod
    def _leave_time_to_wait(cls, target: float, info: ValidationInfo) -> float:
        delay = info.data.get("max_delay_ms", 0.0)
        if 0 < target < delay:
            limit = {"other": "BATCH_MAX_DELAY_MS", "least": f"{delay:g}"}
            raise PydanticCustomError("below", "must be at least {other}={least}", limit)
        return target

    @field_validator("in_flight_max_records")
    @classmethod
    def _hold_a_batch(cls, records: int, info: ValidationInfo) -> int:
        if records < (size := info.data.get("max_size", 0)):
            limit = {"other": "BATCH_MAX_SIZE", "least": size}
            raise PydanticCustomError("below", "must be at least {other}={least}", limit)
        return records


class FreshnessSettings(Group):
    """How old a record may be and still be scored."""

    max_age_ms: int = Field(
        0,
        ge=0,
        le=INT32_MAX,
        validation_alias="FRESHNESS_MAX_AGE_MS",
        description="records older than that when their batch is formed are not scored; 0 = any age; a `deadline` "
        "header counts always",
    )
    action: Literal["dead_letter", "skip"] = Field(
        "dead_letter",
        validation_alias="FRESHNESS_ACTION",
        description="what becomes of a record that came too late: `dead_letter`, or `skip` it",
    )


class HttpSettings(Group):
    """Where metrics and health are served."""

    host: Text = Field("0.0.0.0", validation_alias="HTTP_HOST", description="the address to listen on")  # noqa: S104 a container's metrics are read from outside
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias="HTTP_PORT",
        description="the page, /metrics /livez /readyz /status; 0 = any free port",
    )


class ServiceSettings(Group):
    """The process: how it stops and what it says."""

    shutdown_timeout_seconds: float = Field(
        20.0,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="SHUTDOWN_TIMEOUT_SECONDS",
        description="the longest a clean stop may take",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = Field(
        "INFO", validation_alias="LOG_LEVEL", description="`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`"
    )
    log_format: Literal["console", "json"] = Field(
        "console", validation_alias="LOG_FORMAT", description="`console` for people, `json` for one object per line"
    )
