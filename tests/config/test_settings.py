import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from config.settings import VARIABLES, Settings, SettingsError, load_settings, load_topic_settings

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}


def test_the_required_variables_alone_give_the_defaults_of_the_contract() -> None:
    settings = load_settings(REQUIRED, env_file=None)

    assert settings.model_dump() == {
        "kafka": {
            "bootstrap_servers": ("localhost:9092",),
            "input_topic": "images",
            "output_topic": "rankings",
            "dead_letter_topic": "images.dead-letters",
            "shadow_topic": None,
            "standings_topic": None,
            "consumer_group": "streamrank",
            "auto_offset_reset": "earliest",
            "processing_guarantee": "at_least_once",
            "transaction_max_ms": 100,
            "commit_interval_ms": 100,
            "session_timeout_ms": 10_000,
        },
        "security": {
            "protocol": "PLAINTEXT",
            "sasl_mechanism": None,
            "sasl_username": None,
            "sasl_password": None,
            "ssl_cafile": None,
            "ssl_certfile": None,
            "ssl_keyfile": None,
            "ssl_key_password": None,
        },
        "model": {
            "path": Path("/models/digits"),
            "name": None,
            "version": "latest",
            "canary_version": None,
            "canary_share": 0.1,
            "shadow_version": None,
            "signature": "serving_default",
            "device": "auto",
            "labels_path": None,
            "scores_output": None,
            "labels_output": None,
            "score_column": None,
            "non_finite": "reject",
            "timeout_seconds": 60.0,
            "poll_seconds": 5.0,
            "probation_seconds": 60.0,
            "load_timeout_seconds": 300.0,
            "sha256": None,
            "cache_path": None,
            "pad_value": None,
            "xla": "off",
            "intra_op_threads": 0,
            "inter_op_threads": 0,
            "gpu_memory_mb": None,
        },
        "input": {
            "fields": {},
            "record_id_field": "id",
            "candidates_field": "candidates",
            "candidate_id_field": "id",
            "record_max_bytes": 1_048_576,
        },
        "batch": {
            "allowed_sizes": (),
            "max_size": 512,
            "max_delay_ms": 0.0,
            "target_latency_ms": 0.0,
            "catch_up_seconds": 10.0,
            "max_in_flight": 2,
            "in_flight_max_records": 20_000,
            "in_flight_max_bytes": 64 * 2**20,
        },
        "rank": {
            "by": "classes",
            "candidate_rows": "each",
            "candidate_mask_input": None,
            "candidate_errors": "reject_record",
            "top_k": 5,
            "min_score": None,
        },
        "standings": {
            "group_field": "group",
            "member_field": "member",
            "order_field": None,
            "emit": "record",
            "conflate": True,
            "ttl_seconds": 86_400.0,
        },
        "freshness": {"max_age_ms": 0, "action": "dead_letter"},
        "http": {"host": "0.0.0.0", "port": 8000},  # noqa: S104 the contract's default
        "page": {"shows_records": False, "fields": (), "scores_as": "scores"},
        "service": {"shutdown_timeout_seconds": 20.0, "log_level": "INFO", "log_format": "console"},
    }


EVERY_VARIABLE = {
    "KAFKA_BOOTSTRAP_SERVERS": ("a:1, [::1]:2,c-d.e:65535", ("a:1", "[::1]:2", "c-d.e:65535")),
    "INPUT_TOPIC": ("in", "in"),
    "OUTPUT_TOPIC": ("out", "out"),
    "DEAD_LETTER_TOPIC": ("a" * 249, "a" * 249),
    "SHADOW_TOPIC": ("beside", "beside"),
    "CONSUMER_GROUP": ("team a", "team a"),
    "AUTO_OFFSET_RESET": ("latest", "latest"),
    "PROCESSING_GUARANTEE": ("exactly_once", "exactly_once"),
    "TRANSACTION_MAX_MS": ("0", 0),
    "COMMIT_INTERVAL_MS": ("1", 1),
    "KAFKA_SESSION_TIMEOUT_MS": ("1000", 1000),
    "KAFKA_SECURITY_PROTOCOL": ("sasl_ssl", "SASL_SSL"),
    "KAFKA_SASL_MECHANISM": ("SCRAM-SHA-512", "SCRAM-SHA-512"),
    "KAFKA_SASL_USERNAME": ("alice", "alice"),
    "KAFKA_SASL_PASSWORD": (" hush ", SecretStr(" hush ")),
    "KAFKA_SSL_CAFILE": ("ca.pem", Path("ca.pem")),
    "KAFKA_SSL_CERTFILE": ("cert.pem", Path("cert.pem")),
    "KAFKA_SSL_KEYFILE": ("key.pem", Path("key.pem")),
    "KAFKA_SSL_KEY_PASSWORD": ("hush", SecretStr("hush")),
    "MODEL_PATH": ("s3://bucket/mine", "s3://bucket/mine"),
    "MODEL_NAME": ("mlp", "mlp"),
    "MODEL_VERSION": ("003", "003"),
    "MODEL_CANARY_VERSION": ("004", 4),
    "MODEL_CANARY_SHARE": ("0.25", 0.25),
    "MODEL_SHADOW_VERSION": ("5", 5),
    "MODEL_SIGNATURE": ("predict", "predict"),
    "MODEL_DEVICE": ("gpu:1", "gpu:1"),
    "MODEL_LABELS_PATH": ("labels.txt", Path("labels.txt")),
    "MODEL_SCORES_OUTPUT": ("logits", "logits"),
    "MODEL_LABELS_OUTPUT": ("names", "names"),
    "MODEL_SCORE_COLUMN": ("win", "win"),
    "MODEL_NON_FINITE": ("publish", "publish"),
    "MODEL_TIMEOUT_SECONDS": ("0.5", 0.5),
    "MODEL_POLL_SECONDS": ("0", 0.0),
    "MODEL_PROBATION_SECONDS": ("0", 0.0),
    "MODEL_LOAD_TIMEOUT_SECONDS": ("1.5", 1.5),
    "MODEL_SHA256": ("Ab" * 32, "ab" * 32),
    "MODEL_CACHE_PATH": ("cache", Path("cache")),
    "MODEL_PAD_VALUE": ("-1", -1.0),
    "MODEL_XLA": ("on", "on"),
    "MODEL_INTRA_OP_THREADS": ("3", 3),
    "MODEL_INTER_OP_THREADS": ("2", 2),
    "MODEL_GPU_MEMORY_MB": ("4096", 4096),
    "INPUT_FIELDS": (r'{"x": "a.b\\.c"}', {"x": r"a.b\.c"}),
    "RECORD_ID_FIELD": ("key", "key"),
    "CANDIDATES_FIELD": ("race.runners", "race.runners"),
    "CANDIDATE_ID_FIELD": ("name", "name"),
    "RECORD_MAX_BYTES": ("2 MB", 2_000_000),
    "BATCH_ALLOWED_SIZES": ("1, 8,64", (1, 8, 64)),
    "BATCH_MAX_SIZE": ("1", 1),
    "BATCH_MAX_DELAY_MS": ("2.5", 2.5),
    "BATCH_TARGET_LATENCY_MS": ("20", 20.0),
    "LAG_CATCH_UP_SECONDS": ("2.5", 2.5),
    "BATCH_MAX_IN_FLIGHT": ("1", 1),
    "IN_FLIGHT_MAX_RECORDS": ("1", 1),
    "IN_FLIGHT_MAX_BYTES": ("1GiB", 2**30),
    "RANK_BY": ("candidates", "candidates"),
    "CANDIDATE_ROWS": ("list", "list"),
    "CANDIDATE_MASK_INPUT": ("there", "there"),
    "CANDIDATE_ERRORS": ("drop_candidate", "drop_candidate"),
    "RANK_TOP_K": ("0", 0),
    "RANK_MIN_SCORE": ("-0.5", -0.5),
    "STANDINGS_TOPIC": ("places", "places"),
    "STANDINGS_GROUP_FIELD": ("race", "race"),
    "STANDINGS_MEMBER_FIELD": ("horse.name", "horse.name"),
    "STANDINGS_ORDER_FIELD": ("lap", "lap"),
    "STANDINGS_EMIT": ("batch", "batch"),
    "STANDINGS_CONFLATE": ("false", False),
    "STANDINGS_TTL_SECONDS": ("0.5", 0.5),
    "FRESHNESS_MAX_AGE_MS": ("1500", 1500),
    "FRESHNESS_ACTION": ("skip", "skip"),
    "HTTP_HOST": ("::1", "::1"),
    "HTTP_PORT": ("0", 0),
    "PAGE_SHOWS_RECORDS": ("true", True),
    "PAGE_FIELDS": (r'["position", "a.b\\.c"]', ("position", r"a.b\.c")),
    "PAGE_SCORES_AS": ("softmax", "softmax"),
    "SHUTDOWN_TIMEOUT_SECONDS": ("0.5", 0.5),
    "LOG_LEVEL": ("debug", "DEBUG"),
    "LOG_FORMAT": ("json", "json"),
}


_SHADOW = {"SHADOW_TOPIC", "MODEL_SHADOW_VERSION"}
_CANDIDATES = {name for name in EVERY_VARIABLE if name.startswith("CANDIDATE")}
_STANDINGS = {name for name in EVERY_VARIABLE if name.startswith("STANDINGS")}
APART = (
    ("candidates", _SHADOW | _STANDINGS | {"MODEL_SCORE_COLUMN"}),
    ("candidates", _SHADOW | _STANDINGS | {"CANDIDATE_ROWS", "CANDIDATE_MASK_INPUT"}),
    ("standings", _SHADOW | _CANDIDATES),
    ("classes", _CANDIDATES | _STANDINGS | {"MODEL_SCORE_COLUMN"}),
)
"""What has to be left out where the rest is given, by the way of ranking."""


def test_every_variable_can_be_given() -> None:
    assert EVERY_VARIABLE.keys() == VARIABLES.keys()
    assert not set.intersection(*(without for _, without in APART))


@pytest.mark.parametrize(("by", "without"), APART)
def test_every_variable_reaches_its_setting(by: str, without: set[str]) -> None:
    given = {name: each for name, each in EVERY_VARIABLE.items() if name not in without} | {"RANK_BY": (by, by)}
    settings = load_settings({name: text for name, (text, _) in given.items()}, env_file=None)

    for name, (_, wanted) in given.items():
        value = getattr(getattr(settings, VARIABLES[name].group), VARIABLES[name].field)
        assert value == wanted, name


@pytest.mark.parametrize(("sizes", "size"), [("8,64", 64), ("8,512", 512), ("8,1024", 512), ("600", 512)])
def test_unless_said_otherwise_batches_are_no_larger_than_the_largest_allowed_size(sizes: str, size: int) -> None:
    settings = load_settings(REQUIRED | {"BATCH_ALLOWED_SIZES": sizes}, env_file=None)
    assert settings.batch.max_size == size


def test_an_empty_variable_counts_as_unset() -> None:
    settings = load_settings(REQUIRED | {"RANK_MIN_SCORE": "", "BATCH_MAX_SIZE": " ", "RANK_TOPK": ""}, env_file=None)

    assert settings.rank.min_score is None
    assert settings.batch.max_size == 512


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(REQUIRED | {"INPUT_FIELDS": '{"x": "a"}'}, env_file=None)

    with pytest.raises(ValidationError, match="frozen"):
        settings.batch.max_size = 1
    with pytest.raises(ValidationError, match="frozen"):
        settings.batch = settings.batch
    with pytest.raises(TypeError):
        settings.input.fields["x"] = "b"  # type: ignore[index]


def test_settings_can_be_written_as_json() -> None:
    settings = load_settings(REQUIRED | {"INPUT_FIELDS": '{"x": "a"}'}, env_file=None)

    assert settings.model_dump(mode="json")["input"]["fields"] == {"x": "a"}
    assert '"path":"/models/digits"' in settings.model_dump_json()


def test_by_themselves_settings_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP", '{"HTTP_PORT": 1}')

    with pytest.raises(ValidationError, match="11 validation errors"):
        Settings()  # type: ignore[call-arg]


def test_without_arguments_the_process_environment_and_the_working_directory_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("INPUT_TOPIC=in\nOUTPUT_TOPIC=from-file\nMODEL_PATH=m\n")
    show = "from config.settings import load_settings as l; k = l().kafka; print(k.input_topic, k.output_topic)"

    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=tmp_path,
        env={"PATH": os.defpath, "OUTPUT_TOPIC": "from-environment"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "in from-environment\n"


def test_where_records_are_can_be_asked_without_a_model() -> None:
    topics = {name: value for name, value in REQUIRED.items() if name != "MODEL_PATH"}

    settings = load_topic_settings(topics | {"BATCH_MAX_SIZE": "0"}, None)

    assert settings.model_dump() == load_settings(REQUIRED, None).model_dump(include={"kafka", "security"})


def test_a_topic_that_nobody_needs_need_not_be_given_and_counts_where_it_is(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("OUTPUT_TOPIC=rankings\n")

    settings = load_topic_settings({"INPUT_TOPIC": "images"}, None, without=("OUTPUT_TOPIC",))
    assert (settings.kafka.input_topic, settings.kafka.dead_letter_topic) == ("images", "images.dead-letters")
    settings = load_topic_settings({"INPUT_TOPIC": "images"}, env_file, without=("OUTPUT_TOPIC",))
    assert settings.kafka.output_topic == "rankings"
    with pytest.raises(SettingsError, match="OUTPUT_TOPIC=rankings: must differ from INPUT_TOPIC=rankings"):
        load_topic_settings({"INPUT_TOPIC": "rankings"}, env_file, without=("OUTPUT_TOPIC",))
    with pytest.raises(SettingsError, match="INPUT_TOPIC is missing"):
        load_topic_settings({}, None, without=("OUTPUT_TOPIC",))


def test_its_own_mistakes_and_variables_that_are_not_ours_are_told_all_the_same() -> None:
    with pytest.raises(SettingsError) as caught:
        load_topic_settings(
            {"INPUT_TOPIC": "a b", "KAFKA_SASL_PASSWORD": "hush", "KAFKA_BOOTSTRAP_SERVER": "a:1"}, None
        )

    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "INPUT_TOPIC=a b",
        "OUTPUT_TOPIC is missing",
        "KAFKA_SASL_PASSWORD=***",
        "KAFKA_BOOTSTRAP_SERVER=a",
    ]
