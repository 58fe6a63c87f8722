"""The settings of the model: which one, what it reads of a record and what is kept of its scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from config.group import Group
from config.values import (
    INT32_MAX,
    ByteCount,
    Count,
    Device,
    FieldPaths,
    Local,
    Location,
    Sha256,
    Text,
    Version,
    VersionNumber,
)


class ModelSettings(Group):
    """Which model, where it runs and what its outputs are called."""

    path: Location = Field(
        validation_alias="MODEL_PATH",
        description="a SavedModel (or a `.keras` or `.tflite` file), or a folder of numbered versions of it; also "
        "`s3://`, `gs://`, `az://`, and archives at `https://`",
        examples=["/models/digits"],
    )
    name: Text | None = Field(
        None,
        validation_alias="MODEL_NAME",
        description="shown in outputs and metrics",
        json_schema_extra={"default_text": "last folder name"},
    )
    version: Version = Field(
        "latest", validation_alias="MODEL_VERSION", description="`latest`, or the number of a version to pin"
    )
    canary_version: VersionNumber | None = Field(
        None,
        validation_alias="MODEL_CANARY_VERSION",
        description="the number of a version that ranks the records of some keys; it is not taken as `latest`",
    )
    canary_share: float = Field(
        0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        validation_alias="MODEL_CANARY_SHARE",
        description="the share of keys that it ranks, from 0 to 1; a key is always on the same side",
    )
    shadow_version: VersionNumber | None = Field(
        None,
        validation_alias="MODEL_SHADOW_VERSION",
        description="the number of a version that scores the same records and is only compared; it is not taken as "
        "`latest`",
    )

    @field_validator("canary_version", "shadow_version")
    @classmethod
    def _stand_apart(cls, number: int | None, info: ValidationInfo) -> int | None:
        if number is None:
            return None
        pinned = info.data.get("version", "latest")
        if pinned != "latest" and int(pinned) == number:
            raise ValueError(f"must differ from MODEL_VERSION={pinned}")
        if info.data.get("canary_version") == number:
            raise ValueError(f"must differ from MODEL_CANARY_VERSION={number}")
        return number

    @property
    def beside(self) -> Mapping[str, int]:
        """The versions that are to rank beside the one that serves, by their role: `canary`, `shadow`."""
        roles = {"canary": self.canary_version, "shadow": self.shadow_version}
        return {role: number for role, number in roles.items() if number is not None}

    signature: Text = Field(
        "serving_default", validation_alias="MODEL_SIGNATURE", description="the entry point of the SavedModel"
    )
    device: Device = Field(
        "auto",
        validation_alias="MODEL_DEVICE",
        description="`auto`, `cpu`, `gpu`, `gpu:N`; `gpu` without one is an error, never a silent CPU",
    )
    labels_path: Annotated[Path, Local] | None = Field(
        None,
        validation_alias="MODEL_LABELS_PATH",
        description="a file with one label a line, when the model does not say its own",
    )
    scores_output: Text | None = Field(
        None,
        validation_alias="MODEL_SCORES_OUTPUT",
        description="the output that holds the scores; ambiguous is an error that lists the candidates",
        json_schema_extra={"default_text": "inferred"},
    )
    labels_output: Text | None = Field(
        None,
        validation_alias="MODEL_LABELS_OUTPUT",
        description="the output that holds the labels",
        json_schema_extra={"default_text": "inferred"},
    )
    score_column: Text | None = Field(
        None,
        validation_alias="MODEL_SCORE_COLUMN",
        description="with `RANK_BY=candidates` or `standings`: label or number, from 0, of the score to rank by, if "
        "there are several",
    )

    non_finite: Literal["reject", "publish"] = Field(
        "reject",
        validation_alias="MODEL_NON_FINITE",
        description="a row with a score that is NaN or infinite: `reject` dead-letters it, `publish` writes such "
        "scores as `null`",
    )
    timeout_seconds: float = Field(
        60.0,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="MODEL_TIMEOUT_SECONDS",
        description="a model call that takes longer stops the worker",
    )
    poll_seconds: float = Field(
        5.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="MODEL_POLL_SECONDS",
        description="a new version in the folder is found within this; 0 = only when SIGHUP says so",
    )
    probation_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="MODEL_PROBATION_SECONDS",
        description="how long a new version goes back by itself when it refuses more records than the one before",
    )
    load_timeout_seconds: float = Field(
        300.0,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        validation_alias="MODEL_LOAD_TIMEOUT_SECONDS",
        description="a new version that takes longer to be tried is not served",
    )
    sha256: Sha256 | None = Field(
        None,
        validation_alias="MODEL_SHA256",
        description="what a remote archive or file must hash to; of a remote folder the fingerprint",
    )

    @field_validator("sha256")
    @classmethod
    def _belong_to_a_url(cls, digest: str | None, info: ValidationInfo) -> str | None:
        if digest is not None and isinstance(info.data.get("path"), Path):
            raise ValueError("is for a remote MODEL_PATH; streamrank inspect shows the fingerprint of a local one")
        return digest

    cache_path: Annotated[Path, Local] | None = Field(
        None,
        validation_alias="MODEL_CACHE_PATH",
        description="the folder for copies of remote models",
        json_schema_extra={"default_text": "in the system's temporary folder"},
    )
    pad_value: float | None = Field(
        None,
        allow_inf_nan=False,
        validation_alias="MODEL_PAD_VALUE",
        description="what rows are padded with where the model leaves a length open; unset: rows that differ in shape "
        "share no batch",
    )
    xla: Literal["off", "on"] = Field(
        "off",
        validation_alias="MODEL_XLA",
        description="`on`: XLA compiles the model for each of `BATCH_ALLOWED_SIZES` at the start",
    )
    intra_op_threads: int = Field(
        0,
        ge=0,
        le=10_000,
        validation_alias="MODEL_INTRA_OP_THREADS",
        description="threads that TensorFlow uses inside one operation; 0 = as many as it likes",
    )
    inter_op_threads: int = Field(
        0,
        ge=0,
        le=10_000,
        validation_alias="MODEL_INTER_OP_THREADS",
        description="threads for operations that TensorFlow runs side by side; 0 = as many as it likes",
    )
    gpu_memory_mb: Count | None = Field(
        None,
        validation_alias="MODEL_GPU_MEMORY_MB",
        description="MiB of a GPU's memory that are taken at the start, and never more",
        json_schema_extra={"default_text": "as it needs"},
    )


class InputSettings(Group):
    """How a record's fields become the model's inputs."""

    fields: FieldPaths = Field(
        "{}",
        validate_default=True,
        validation_alias="INPUT_FIELDS",
        description=r"JSON object: model input -> dotted path in the record; a dot within a name is written `\.`",
    )
    record_id_field: Text = Field(
        "id",
        validation_alias="RECORD_ID_FIELD",
        description="the field with the record's id; without it the record's key, else `topic-partition-offset`",
    )
    candidates_field: Text = Field(
        "candidates",
        validation_alias="CANDIDATES_FIELD",
        description="the field with the list, with `RANK_BY=candidates`",
    )
    candidate_id_field: Text = Field(
        "id",
        validation_alias="CANDIDATE_ID_FIELD",
        description="the field with a candidate's id; without it the candidate's place in the list, from 0",
    )
    record_max_bytes: ByteCount = Field(
        1_048_576, validation_alias="RECORD_MAX_BYTES", description="longer records are dead-lettered unread"
    )


class RankSettings(Group):
    """What is kept of the model's scores."""

    by: Literal["classes", "candidates", "standings"] = Field(
        "classes",
        validation_alias="RANK_BY",
        description="`classes`: a record is one row, its classes are ranked; `candidates`: a record has a list, whose "
        "entries are ranked; `standings`: a record is about one member of a group, whose members are ranked by their "
        "newest scores",
    )
    candidate_rows: Literal["each", "list"] = Field(
        "each",
        validation_alias="CANDIDATE_ROWS",
        description="`each` candidate is a row for the model, or the whole `list` is one, for listwise models",
    )
    candidate_mask_input: Text | None = Field(
        None,
        validation_alias="CANDIDATE_MASK_INPUT",
        description="with `CANDIDATE_ROWS=list`: the input that tells candidates (1) from padding (0)",
        json_schema_extra={"default_text": "`mask`, if there is one"},
    )
    candidate_errors: Literal["reject_record", "drop_candidate"] = Field(
        "reject_record",
        validation_alias="CANDIDATE_ERRORS",
        description="what one bad candidate costs: `reject_record` the record, `drop_candidate` only itself",
    )
    top_k: int = Field(5, ge=0, le=INT32_MAX, validation_alias="RANK_TOP_K", description="entries kept; 0 = all")
    min_score: float | None = Field(
        None, allow_inf_nan=False, validation_alias="RANK_MIN_SCORE", description="entries below it are dropped"
    )
