import pytest

from config.planned import PLANNED
from config.settings import VARIABLES
from config.spelling import meant

OURS = VARIABLES.keys() | PLANNED.keys()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_BOOTSTRAPSERVERS", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_BOOSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"),
        ("KAFKA_SESSION_TIMEOUT", "KAFKA_SESSION_TIMEOUT_MS"),
        ("BATCH_MAXSIZE", "BATCH_MAX_SIZE"),
        ("BATCH_MAX_SZIE", "BATCH_MAX_SIZE"),
        ("BATCH_MAX_IN_FLIGTH", "BATCH_MAX_IN_FLIGHT"),
        ("DEAD_LETTERS_TOPIC", "DEAD_LETTER_TOPIC"),
        ("IN_FLIGHT_MAX_RECORD", "IN_FLIGHT_MAX_RECORDS"),
        ("RANK_TOPK", "RANK_TOP_K"),
        ("MODEL_LABEL_PATH", "MODEL_LABELS_PATH"),
        ("PROCESSING_GARANTEE", "PROCESSING_GUARANTEE"),
        ("LOG_LEVLE", "LOG_LEVEL"),
        ("KAFKA_SECURITY_PROTOCL", "KAFKA_SECURITY_PROTOCOL"),
        ("KAFKA_SSL_KEY_FILE", "KAFKA_SSL_KEYFILE"),
    ],
)
def test_a_close_misspelling_is_recognised(typed: str, wanted: str) -> None:
    assert meant(typed, OURS) == wanted


@pytest.mark.parametrize(
    "foreign",
    [
        *("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_BROKERS", "KAFKA_HOME", "KAFKA_VERSION", "KAFKA_LOG4J_OPTS"),
        # What Kubernetes sets for services called kafka, model, http and log.
        *("KAFKA_SERVICE_HOST", "KAFKA_PORT", "KAFKA_PORT_9092_TCP_ADDR", "MODEL_PORT", "MODEL_SERVICE_PORT"),
        *("HTTP_SERVICE_HOST", "HTTP_PORT_80_TCP", "LOG_PORT"),
        *("MODEL_FOO", "MODEL_DIR", "MODEL_BASE_PATH", "MODEL_PATHS", "MODEL_NAMES", "MODEL_MEAN", "MODEL_VERSIONS"),
        *("HTTP_PROXY", "HTTPS_PORT", "HTTP_POST", "HTTP_HOSTS", "HTTP_PORTS", "HTTP_TIMEOUT"),
        *("LOG_LEVELS", "LOG_DIR", "LOG_FILE", "LOG_FORMATTER", "INPUT_TOKEN", "INPUT_FILES", "INPUT_TOPICS"),
        *("BATCH_SIZE", "BATCH_ID", "RANK", "RANK_SIZE", "CONSUMER_GROUP_ID", "CONSUMER_TOPIC", "AUTO_OFFSET"),
        *("RECORD_TYPE", "IN_CI", "SHUTDOWN_TIMEOUT", "COMMIT_SHA", "PROCESSING_UNITS", "PATH", "HOME", "_"),
    ],
)
def test_other_programs_variables_are_left_alone(foreign: str) -> None:
    assert meant(foreign, OURS) is None


# TensorFlow's own names for the two; who misspells one of them may be pointed to the other.
TWINS = {"MODEL_INTER_OP_THREADS", "MODEL_INTRA_OP_THREADS"}


@pytest.mark.parametrize("variable", sorted(OURS))
def test_no_variable_of_ours_is_a_misspelling_of_another(variable: str) -> None:
    assert meant(variable, OURS - {variable} - (TWINS if variable in TWINS else set())) is None
