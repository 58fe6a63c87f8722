"""What a client of the secure broker is told, and the link that comes of it."""

from app.kafka.security import Security
from config.settings import SecuritySettings
from tests.broker.secure_kafka import LISTENERS, PASSWORD, USER, SecureKafka


def link(variables: dict[str, str]) -> Security:
    return Security(SecuritySettings.model_validate(variables))


def trust(broker: SecureKafka) -> dict[str, str]:
    return {"KAFKA_SSL_CAFILE": str(broker.authority.certfile)}


def login(mechanism: str, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password}


def variables_for(broker: SecureKafka, listener: str, mechanism: str | None = None) -> dict[str, str]:
    """What lets a client into *listener*."""
    variables = {"KAFKA_SECURITY_PROTOCOL": LISTENERS[listener]}
    if LISTENERS[listener].endswith("SSL"):
        variables |= trust(broker)
    if listener == "MUTUAL":
        variables["KAFKA_SSL_CERTFILE"] = str(broker.client.certfile)
        variables["KAFKA_SSL_KEYFILE"] = str(broker.client.keyfile)
    return variables | login(mechanism) if mechanism else variables
