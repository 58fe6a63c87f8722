from pathlib import Path

import pytest

from config.planned import PLANNED
from config.settings import VARIABLES, SettingsError, load_settings

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}
TOPIC_RULE = "must be 1 to 249 of the characters a-z A-Z 0-9 . _ - and neither '.' nor '..'"
SERVERS_RULE = "must be host:port, or several of them with commas between, ports from 1 to 65535"
SIZES_RULE = "must be numbers from 1 to 2147483647 with commas between, such as 8,64,512"
SIZE_RULE = "must be a number of bytes, or a size such as 64MiB or 500 kB (B, kB, MB, GB, KiB, MiB, GiB)"
FIELDS_RULE = 'must be a JSON object such as {"pixels": "image.pixels"}'
PATH_RULE = r"must give every input a dotted path (a dot in a name is written \.), not "
PATHS_RULE = 'must be a JSON list such as ["position", "lap.number"]'
PATH_OF_PAGE = r"must hold dotted paths (a dot in a name is written \.), not "
DEVICE_RULE = "must be auto, cpu, gpu or gpu:N, where N counts from 0"
DERIVED = "DEAD_LETTER_TOPIC=<INPUT_TOPIC>.dead-letters"
SCHEMES = "s3, gs, az, https, http"
WHOLE = ".tar.gz, .tgz, .tar, .zip, .keras, .tflite"
REMOTE = "must be a path on this machine"

WRONG = [
    *(("INPUT_TOPIC", value, TOPIC_RULE) for value in (".", "..", "a b", "a/b", "ä", "a" * 199 + "!")),
    ("OUTPUT_TOPIC", "a:b", TOPIC_RULE),
    ("DEAD_LETTER_TOPIC", "a,b", TOPIC_RULE),
    *(("KAFKA_BOOTSTRAP_SERVERS", value, SERVERS_RULE) for value in ("localhost", "a:1,", ":9092", "a:0", "a:65536")),
    *(("KAFKA_BOOTSTRAP_SERVERS", value, SERVERS_RULE) for value in ("kafka://a:1", "a:1 b:2", "a:x", ",")),
    ("KAFKA_SECURITY_PROTOCOL", "TLS", "must be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
    ("AUTO_OFFSET_RESET", "newest", "must be 'earliest' or 'latest'"),
    ("PROCESSING_GUARANTEE", "best_effort", "must be 'at_least_once' or 'exactly_once'"),
    ("TRANSACTION_MAX_MS", "-1", "must be at least 0"),
    ("TRANSACTION_MAX_MS", "5001", "must be at most 5000"),
    ("COMMIT_INTERVAL_MS", "0", "must be at least 1"),
    ("COMMIT_INTERVAL_MS", "1.5", "must be a whole number"),
    ("COMMIT_INTERVAL_MS", "2147483648", "must be at most 2147483647"),
    ("KAFKA_SESSION_TIMEOUT_MS", "999", "must be at least 1000"),
    ("MODEL_PATH", "ftp://host/model", "must be a path on this machine, or a URL that begins with one of " + SCHEMES),
    ("MODEL_PATH", "s3:///model", "must name a bucket or a host after ://"),
    ("MODEL_PATH", "https://host/model", "must be a file that ends with one of " + WHOLE + ": HTTP lists no folders"),
    *(("MODEL_SHA256", value, "must be 64 hexadecimal digits") for value in ("abc", "g" * 64)),
    ("MODEL_SHA256", "a" * 64, "is for a remote MODEL_PATH; streamrank inspect shows the fingerprint of a local one"),
    ("MODEL_LABELS_PATH", "https://host/labels", REMOTE),
    *(("MODEL_VERSION", value, "must be latest or the number of a version") for value in ("newest", "-1", "1.0")),
    *(("MODEL_CANARY_VERSION", value, "must be the number of a version") for value in ("latest", "-1", "3.0", "1_0")),
    ("MODEL_CANARY_SHARE", "1.5", "must be at most 1"),
    ("MODEL_CANARY_SHARE", "-0.1", "must be at least 0"),
    ("MODEL_SHADOW_VERSION", "3.5", "must be the number of a version"),
    ("SHADOW_TOPIC", "a b", TOPIC_RULE),
    *(("MODEL_DEVICE", value, DEVICE_RULE) for value in ("GPU", "gpu:", "gpu:x", "cuda", "tpu")),
    ("MODEL_NON_FINITE", "drop", "must be 'reject' or 'publish'"),
    ("MODEL_TIMEOUT_SECONDS", "0", "must be above 0"),
    ("MODEL_TIMEOUT_SECONDS", "inf", "must be a finite number"),
    ("MODEL_POLL_SECONDS", "-1", "must be at least 0"),
    ("MODEL_PROBATION_SECONDS", "inf", "must be a finite number"),
    ("MODEL_LOAD_TIMEOUT_SECONDS", "0", "must be above 0"),
    ("MODEL_PAD_VALUE", "nan", "must be a finite number"),
    ("MODEL_XLA", "yes", "must be 'off' or 'on'"),
    ("MODEL_INTRA_OP_THREADS", "-1", "must be at least 0"),
    ("MODEL_INTER_OP_THREADS", "all", "must be a whole number"),
    ("MODEL_GPU_MEMORY_MB", "0", "must be at least 1"),
    ("INPUT_FIELDS", "{", FIELDS_RULE),
    ("INPUT_FIELDS", "[1]", FIELDS_RULE),
    ("INPUT_FIELDS", '{"x": 3}', PATH_RULE + "3"),
    ("INPUT_FIELDS", '{"x": "a..b"}', PATH_RULE + "'a..b'"),
    ("INPUT_FIELDS", '{"x": ""}', PATH_RULE + "''"),
    ("INPUT_FIELDS", '{"": "a"}', PATH_RULE + "'a'"),
    ("RECORD_MAX_BYTES", "1 MiBs", SIZE_RULE),
    *(("IN_FLIGHT_MAX_BYTES", value, SIZE_RULE) for value in ("64M", "1.5GiB", "-1", "MiB")),
    ("IN_FLIGHT_MAX_BYTES", "0", "must be at least 1"),
    ("BATCH_MAX_SIZE", "0", "must be at least 1"),
    ("BATCH_MAX_SIZE", "many", "must be a whole number"),
    *(("BATCH_ALLOWED_SIZES", value, SIZES_RULE) for value in ("many", "8,", "0,8", "-1", "1.5", "8;9", "2147483648")),
    *(("BATCH_ALLOWED_SIZES", value, "must be ascending, each size once") for value in ("8,4", "8,8")),
    ("BATCH_MAX_DELAY_MS", "-0.1", "must be at least 0"),
    ("BATCH_MAX_DELAY_MS", "inf", "must be a finite number"),
    ("BATCH_TARGET_LATENCY_MS", "-1", "must be at least 0"),
    ("BATCH_TARGET_LATENCY_MS", "nan", "must be a finite number"),
    ("LAG_CATCH_UP_SECONDS", "-1", "must be at least 0"),
    ("BATCH_MAX_DELAY_MS", "soon", "must be a number"),
    ("BATCH_MAX_IN_FLIGHT", "0", "must be at least 1"),
    ("BATCH_MAX_IN_FLIGHT", "1001", "must be at most 1000"),
    ("IN_FLIGHT_MAX_RECORDS", "511", "must be at least BATCH_MAX_SIZE=512"),
    ("RANK_BY", "rows", "must be 'classes', 'candidates' or 'standings'"),
    ("RANK_TOP_K", "-1", "must be at least 0"),
    ("RANK_MIN_SCORE", "nan", "must be a finite number"),
    ("FRESHNESS_MAX_AGE_MS", "-1", "must be at least 0"),
    ("FRESHNESS_ACTION", "drop", "must be 'dead_letter' or 'skip'"),
    ("HTTP_PORT", "65536", "must be at most 65535"),
    ("HTTP_PORT", "tcp://10.0.0.1:80", "must be a whole number"),
    ("PAGE_SHOWS_RECORDS", "some", "must be true or false"),
    *(("PAGE_FIELDS", value, PATHS_RULE) for value in ("position", '{"a": "b"}', "[")),
    *(("PAGE_FIELDS", f'["{path}"]', PATH_OF_PAGE + repr(path)) for path in ("", "a..b")),
    ("PAGE_FIELDS", "[3]", PATH_OF_PAGE + "3"),
    ("PAGE_FIELDS", '["position"]', "used only with PAGE_SHOWS_RECORDS=true"),
    ("PAGE_FIELDS", '["a","b","c","d","e","f","g","h","i"]', "must have at most 8 entries"),
    ("PAGE_SCORES_AS", "odds", "must be 'scores' or 'softmax'"),
    ("SHUTDOWN_TIMEOUT_SECONDS", "0", "must be above 0"),
    ("LOG_LEVEL", "loud", "must be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"),
    ("LOG_FORMAT", "xml", "must be 'console' or 'json'"),
]


def mistakes_of(environ: dict[str, str], env_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file)
    # pydantic's own error shows values unmasked, so it must not come along.
    assert caught.value.__context__ is None
    return caught.value.mistakes


@pytest.mark.parametrize(("variable", "value", "allowed"), WRONG)
def test_a_mistake_is_one_line_that_names_the_variable_the_value_and_what_is_allowed(
    variable: str, value: str, allowed: str
) -> None:
    assert mistakes_of(REQUIRED | {variable: value}) == (f"{variable}={value}: {allowed}",)


def test_a_missing_variable_is_told_with_its_meaning_and_an_example() -> None:
    assert mistakes_of({"OUTPUT_TOPIC": " "}) == (
        "INPUT_TOPIC is missing: the topic that records come from, for example INPUT_TOPIC=images",
        "OUTPUT_TOPIC is missing: the topic that predictions go to, for example OUTPUT_TOPIC=rankings",
        "MODEL_PATH is missing: a SavedModel (or a `.keras` or `.tflite` file), "
        "or a folder of numbered versions of it; also `s3://`, `gs://`, `az://`, and archives at `https://`, "
        "for example MODEL_PATH=/models/digits",
    )


@pytest.mark.parametrize(
    ("topics", "mistakes"),
    [
        ({"INPUT_TOPIC": "a", "OUTPUT_TOPIC": "a"}, ["OUTPUT_TOPIC=a: must differ from INPUT_TOPIC=a"]),
        ({"INPUT_TOPIC": "a", "DEAD_LETTER_TOPIC": "a"}, ["DEAD_LETTER_TOPIC=a: must differ from INPUT_TOPIC=a"]),
        ({"OUTPUT_TOPIC": "a", "DEAD_LETTER_TOPIC": "a"}, ["DEAD_LETTER_TOPIC=a: must differ from OUTPUT_TOPIC=a"]),
        (
            {"INPUT_TOPIC": "a", "OUTPUT_TOPIC": "a.dead-letters"},
            [f"{DERIVED} (the default): must differ from OUTPUT_TOPIC=a.dead-letters"],
        ),
        ({"INPUT_TOPIC": "a" * 237}, [f"{DERIVED} (the default): {TOPIC_RULE}"]),
        *(
            ({name: "a", "SHADOW_TOPIC": "a"}, [f"SHADOW_TOPIC=a: must differ from {name}=a"])
            for name in ("INPUT_TOPIC", "OUTPUT_TOPIC", "DEAD_LETTER_TOPIC")
        ),
    ],
)
def test_a_topic_has_one_role_only(topics: dict[str, str], mistakes: list[str]) -> None:
    assert mistakes_of(REQUIRED | topics) == tuple(mistakes)


@pytest.mark.parametrize(
    ("versions", "mistake"),
    [
        ({"VERSION": "03", "CANARY_VERSION": "3"}, "MODEL_CANARY_VERSION=3: must differ from MODEL_VERSION=03"),
        ({"VERSION": "3", "SHADOW_VERSION": "3"}, "MODEL_SHADOW_VERSION=3: must differ from MODEL_VERSION=3"),
        (
            {"CANARY_VERSION": "4", "SHADOW_VERSION": "04"},
            "MODEL_SHADOW_VERSION=04: must differ from MODEL_CANARY_VERSION=4",
        ),
    ],
)
def test_a_version_has_one_role_only(versions: dict[str, str], mistake: str) -> None:
    given = {f"MODEL_{name}": value for name, value in versions.items()}
    assert mistakes_of({**REQUIRED, **given}) == (mistake,)


@pytest.mark.parametrize(
    ("given", "mistakes"),
    [
        (
            {"CANDIDATES_FIELD": "runners", "MODEL_SCORE_COLUMN": "1"},
            [
                "CANDIDATES_FIELD=runners: used only with RANK_BY=candidates; unset it",
                "MODEL_SCORE_COLUMN=1: used only with RANK_BY=candidates or standings; unset it",
            ],
        ),
        (
            {"RANK_BY": "candidates", "MODEL_SHADOW_VERSION": "3"},
            ["MODEL_SHADOW_VERSION=3: used only with RANK_BY=classes; unset it"],
        ),
        (
            {"RANK_BY": "candidates", "CANDIDATE_MASK_INPUT": "m"},
            ["CANDIDATE_MASK_INPUT=m: used only with CANDIDATE_ROWS=list; unset it"],
        ),
        (
            {"RANK_BY": "candidates", "CANDIDATE_ROWS": "list", "MODEL_SCORE_COLUMN": "1"},
            ["MODEL_SCORE_COLUMN=1: used only with CANDIDATE_ROWS=each; unset it"],
        ),
        (
            {"RANK_BY": "standings", "CANDIDATE_ROWS": "list", "SHADOW_TOPIC": "s", "MODEL_SCORE_COLUMN": "1"},
            [
                "SHADOW_TOPIC=s: used only with RANK_BY=classes; unset it",
                "CANDIDATE_ROWS=list: used only with RANK_BY=candidates; unset it",
            ],
        ),
        (
            {"STANDINGS_EMIT": "batch", "STANDINGS_TTL_SECONDS": "86400"},
            ["STANDINGS_EMIT=batch: used only with RANK_BY=standings; unset it"],
        ),
    ],
)
def test_what_this_way_of_ranking_does_not_use_is_told(given: dict[str, str], mistakes: list[str]) -> None:
    assert mistakes_of(REQUIRED | given) == tuple(mistakes)


@pytest.mark.parametrize(
    ("given", "mistakes"),
    [
        (
            {"CONSUMER_GROUP": "a group"},
            [
                "STANDINGS_TOPIC: set it, since 'images.a group.standings', after INPUT_TOPIC and CONSUMER_GROUP, "
                "can be no topic's name"
            ],
        ),
        (
            {"OUTPUT_TOPIC": "images.streamrank.standings"},
            [
                "STANDINGS_TOPIC: set it, since 'images.streamrank.standings', after INPUT_TOPIC and CONSUMER_GROUP, "
                "is OUTPUT_TOPIC too"
            ],
        ),
        ({"CONSUMER_GROUP": "a group", "STANDINGS_TOPIC": "places"}, []),
        ({"STANDINGS_TOPIC": "images"}, ["STANDINGS_TOPIC=images: must differ from INPUT_TOPIC=images"]),
    ],
)
def test_a_topic_for_standings_that_cannot_be_is_told(given: dict[str, str], mistakes: list[str]) -> None:
    if mistakes:
        assert mistakes_of(REQUIRED | {"RANK_BY": "standings"} | given) == tuple(mistakes)
    else:
        load_settings(REQUIRED | {"RANK_BY": "standings"} | given, env_file=None)


def test_a_batch_that_the_default_bound_cannot_hold_is_told_by_what_was_given_and_the_way_out() -> None:
    assert mistakes_of(REQUIRED | {"BATCH_MAX_SIZE": "20001"}) == (
        "BATCH_MAX_SIZE=20001: more than IN_FLIGHT_MAX_RECORDS=20000 (the default); set that to 20001 or more",
    )
    load_settings(REQUIRED | {"BATCH_MAX_SIZE": "20001", "IN_FLIGHT_MAX_RECORDS": "20001"}, env_file=None)


def test_a_url_with_a_password_is_refused_and_neither_it_nor_a_signature_is_shown() -> None:
    assert mistakes_of(REQUIRED | {"MODEL_PATH": "s3://me:hush@bucket/model"}) == (
        "MODEL_PATH=s3://***@bucket/model: must not hold a password: "
        "credentials are taken from each service's own variables",
    )
    assert mistakes_of(REQUIRED | {"MODEL_PATH": "ftp://host/model?signature=hush"})[0].startswith(
        "MODEL_PATH=ftp://host/model?***: "
    )
    settings = load_settings(REQUIRED | {"MODEL_PATH": "https://host/m.zip?signature=hush"}, env_file=None)
    assert settings.model_dump(mode="json")["model"]["path"] == "https://host/m.zip"


def test_waiting_for_company_for_longer_than_the_target_is_refused() -> None:
    assert mistakes_of(REQUIRED | {"BATCH_MAX_DELAY_MS": "30", "BATCH_TARGET_LATENCY_MS": "20", "HTTP_PORT": "-1"}) == (
        "BATCH_TARGET_LATENCY_MS=20: must be at least BATCH_MAX_DELAY_MS=30",
        "HTTP_PORT=-1: must be at least 0",
    )
    load_settings(REQUIRED | {"BATCH_MAX_DELAY_MS": "30", "BATCH_TARGET_LATENCY_MS": "0"}, env_file=None)


def test_a_batch_that_no_allowed_size_holds_is_refused() -> None:
    assert mistakes_of(REQUIRED | {"BATCH_ALLOWED_SIZES": "8,64", "BATCH_MAX_SIZE": "65"}) == (
        "BATCH_MAX_SIZE=65: must be at most 64, the largest of BATCH_ALLOWED_SIZES",
    )


LATER = {
    "INPUT_FORMAT": "avro",
    "OUTPUT_FORMAT": "avro",
}


def test_every_variable_of_a_later_version_is_refused_by_name() -> None:
    lines = mistakes_of(REQUIRED | LATER)

    rest = "not in this version of StreamRank; unset it"
    assert lines == tuple(f"{name}={value}: {rest}" for name, value in LATER.items())


def test_a_variable_of_a_later_version_is_refused_from_the_env_file_too(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("INPUT_FORMAT=avro\n")

    (line,) = mistakes_of(REQUIRED, env_file)

    assert line.startswith("INPUT_FORMAT=avro: not in this version")


def test_a_variable_of_a_later_version_may_ask_for_what_this_version_does_anyway() -> None:
    anyway = {"INPUT_FORMAT": " json ", "OUTPUT_FORMAT": "json", "MODEL_NON_FINITE": ""}
    anyway |= {"FRESHNESS_MAX_AGE_MS": "0"}

    assert load_settings(REQUIRED | anyway, env_file=None) == load_settings(REQUIRED, env_file=None)


def test_what_this_version_has_is_not_planned() -> None:
    assert PLANNED.keys() == LATER.keys()
    assert not PLANNED.keys() & VARIABLES.keys()


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("A line that is none\nHTTP_PORT=none\nRANK_TOPK=3\n")
    environ = {
        "INPUT_TOPIC": "a",
        "OUTPUT_TOPIC": "a",
        "KAFKA_SESSION_TIMEOUT_MS": "x",
        "BATCH_MAX_SIZE": "600",
        "IN_FLIGHT_MAX_RECORDS": "500",
        "LOG_LEVEL": "loud",
    }

    assert [line.split(":")[0] for line in mistakes_of(environ, env_file)] == [
        f"{env_file} line 1 cannot be read",
        "OUTPUT_TOPIC=a",
        "KAFKA_SESSION_TIMEOUT_MS=x",
        "MODEL_PATH is missing",
        "IN_FLIGHT_MAX_RECORDS=500",
        "HTTP_PORT=none",
        "LOG_LEVEL=loud",
        "RANK_TOPK=3",
    ]


def test_a_wrong_input_topic_is_one_mistake_and_not_one_of_the_dead_letters_too() -> None:
    assert len(mistakes_of(REQUIRED | {"INPUT_TOPIC": "a b"})) == 1


def test_a_name_is_printable_and_of_a_bearable_length() -> None:
    assert mistakes_of(REQUIRED | {"CONSUMER_GROUP": "a\x7fb", "MODEL_NAME": "n" * 250}) == (
        "CONSUMER_GROUP=a\\x7fb: must be printable text",
        f"MODEL_NAME={'n' * 200}...: must have at most 249 characters",
    )


def test_passwords_are_masked_and_control_characters_shown() -> None:
    lines = mistakes_of(
        REQUIRED
        | {
            "KAFKA_BOOTSTRAP_SERVERS": "me:hush,@hush@host:9092",
            "MODEL_PATH": "https://me:hush@host/model",
            "LOG_LEVEL": "loud\nstreamrank: all is well",
        }
    )

    assert "hush" not in "".join(lines)
    assert [line.partition(": ")[0] for line in lines] == [
        "KAFKA_BOOTSTRAP_SERVERS=me:***@host:9092",
        "MODEL_PATH=https://***@host/model",
        "LOG_LEVEL=loud\\nstreamrank",
    ]


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 100_000])
def test_an_enormous_value_is_cut_short(value: str) -> None:
    (line,) = mistakes_of(REQUIRED | {"INPUT_FIELDS": value})

    assert len(line) < 400


def test_a_misspelt_variable_is_told_with_the_right_one() -> None:
    assert mistakes_of(REQUIRED | {"KAFKA_BOOTSTRAP_SERVER": "me:hush@a:1"}) == (
        "KAFKA_BOOTSTRAP_SERVER=me:***@a:1: unknown; did you mean KAFKA_BOOTSTRAP_SERVERS?",
    )


def test_a_misspelt_variable_of_a_later_version_is_told_too() -> None:
    assert mistakes_of(REQUIRED | {"STANDINGS_TTL_SECOND": "60"}) == (
        "STANDINGS_TTL_SECOND=60: unknown; did you mean STANDINGS_TTL_SECONDS?",
    )


def test_the_secret_of_a_misspelt_variable_is_kept() -> None:
    misspelt = {"KAFKA_SASL_PASWORD": "hush", "KAFKA_SASL_PASWORD_FILE": "/hush", "KAFKA_SSL_KEYPASWORD": "hush"}

    assert mistakes_of(REQUIRED | misspelt) == (
        "KAFKA_SASL_PASWORD=***: unknown; did you mean KAFKA_SASL_PASSWORD?",
        "KAFKA_SASL_PASWORD_FILE=***: unknown; did you mean KAFKA_SASL_PASSWORD_FILE?",
        "KAFKA_SSL_KEYPASWORD=***: unknown; did you mean KAFKA_SSL_KEY_PASSWORD?",
    )


def test_a_likeness_is_somebody_elses_where_the_right_one_is_given_too() -> None:
    load_settings(REQUIRED | {"KAFKA_BOOTSTRAP_SERVER": "a:1", "KAFKA_BOOTSTRAP_SERVERS": "b:1"}, env_file=None)
