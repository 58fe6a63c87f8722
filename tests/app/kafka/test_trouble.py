import ssl

import pytest

from app.kafka.listener import Listener
from app.kafka.trouble import explain
from tests.app.kafka.links import link, login


def listener(protocol: str, **variables: str) -> Listener:
    """A port where nobody listens."""
    security = link({"KAFKA_SECURITY_PROTOCOL": protocol, **variables})
    return Listener("127.0.0.1:1", security, seconds=1)


async def test_a_certificate_that_is_wrong_in_another_way_is_told_with_what_openssl_says_of_it() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"

    trouble = await explain(error, listener("SSL"))

    assert (trouble.message, trouble.lasting) == ("the broker's certificate is refused: certificate has expired", True)


async def test_a_broker_that_cannot_prove_that_it_knows_the_password_is_told() -> None:
    trouble = await explain(
        ValueError("Server sent wrong signature!"), listener("SASL_PLAINTEXT", **login("SCRAM-SHA-256"))
    )

    assert trouble.lasting
    assert trouble.message.startswith("the broker does not know the password itself, as SCRAM wants it to")


@pytest.mark.parametrize(
    ("reason", "said", "lasting"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "handshake failure", True),
        ("UNSUPPORTED_PROTOCOL", "unsupported protocol", True),
        ("TLSV1_ALERT_INTERNAL_ERROR", "internal error", False),
    ],
)
async def test_an_alert_is_told_in_words_and_may_pass(reason: str, said: str, lasting: bool) -> None:
    error = ssl.SSLError(1, "alert")
    error.reason = reason

    trouble = await explain(error, listener("SSL"))

    assert trouble.message == f"no TLS connection comes about, which must be of TLS 1.2 or newer: {said}"
    assert trouble.lasting is lasting
