"""What keeps us out of a port of a broker, told by what went wrong there and by asking the port itself."""

import os
import socket
import ssl
from dataclasses import dataclass

from aiokafka.errors import IllegalSaslStateError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from app.kafka.listener import Listener
from config.settings import SecuritySettings

# OpenSSL's numbers for what it finds wrong with a certificate.
_WRONG_HOST = {62, 64}
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}

_OTHER_TRANSPORT = {
    "PLAINTEXT": "SSL",
    "SSL": "PLAINTEXT",
    "SASL_PLAINTEXT": "SASL_SSL",
    "SASL_SSL": "SASL_PLAINTEXT",
}
_OTHER_LOGIN = {"PLAINTEXT": "SASL_PLAINTEXT", "SASL_PLAINTEXT": "PLAINTEXT", "SSL": "SASL_SSL", "SASL_SSL": "SSL"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps us out, with the variables to change; `lasting` when waiting cannot help."""

    message: str
    lasting: bool = True


async def explain(error: BaseException, listener: Listener) -> Trouble:
    """Return what an attempt to enter *listener* ran into when it ended with *error*."""
    cause = _root(error)
    return (
        _refused_by_tls(cause, listener.security.settings)
        or await _refused_login(cause, listener)
        or await _wrong_language(listener)
        or Trouble(_said(cause, listener), lasting=False)
    )


def _refused_by_tls(error: BaseException, settings: SecuritySettings) -> Trouble | None:
    match error:
        case ssl.SSLCertVerificationError():
            return Trouble(_wrong_certificate(error, settings))
        case ssl.SSLError(reason=str(reason)) if "ALERT" in reason or "PROTOCOL" in reason:
            return _alert(reason, settings)
    return None


async def _refused_login(error: BaseException, listener: Listener) -> Trouble | None:
    settings = listener.security.settings
    match error:
        case SaslAuthenticationFailed():
            user = f"KAFKA_SASL_USERNAME={settings.sasl_username} ({settings.sasl_mechanism})"
            return Trouble(f"the broker does not accept {user} with this KAFKA_SASL_PASSWORD")
        case UnsupportedSaslMechanismError():
            enabled = ", ".join(await listener.mechanisms()) or "none"
            mechanism = f"KAFKA_SASL_MECHANISM={settings.sasl_mechanism}"
            return Trouble(f"{mechanism} is not enabled at this port, which has {enabled}")
        case IllegalSaslStateError():
            return Trouble(f"nobody logs in at this port; {_elsewhere(_OTHER_LOGIN, settings)}")
        case ValueError() if listener.security.logs_in:
            return Trouble("the broker does not know the password itself, as SCRAM wants it to; is it the right one?")
    return None


async def _wrong_language(listener: Listener) -> Trouble | None:
    """What is spoken at the port, if that is not what we speak: a connection that ends or hangs does not tell."""
    security = listener.security
    if not await listener.is_there():
        return None
    if security.encrypts and await listener.speaks_plain_text():
        return Trouble(f"TLS is not spoken at this port; {_elsewhere(_OTHER_TRANSPORT, security.settings)}")
    if not security.encrypts and await listener.speaks_tls():
        return Trouble(f"only TLS is spoken at this port; {_elsewhere(_OTHER_TRANSPORT, security.settings)}")
    if not security.logs_in and (mechanisms := await listener.mechanisms()):
        wanted = f"{_elsewhere(_OTHER_LOGIN, security.settings)} and KAFKA_SASL_MECHANISM={' or '.join(mechanisms)}"
        return Trouble(f"one has to log in at this port; {wanted}")
    return None


def _wrong_certificate(error: ssl.SSLCertVerificationError, settings: SecuritySettings) -> str:
    said = error.verify_message.rstrip(".")
    if error.verify_code in _WRONG_HOST:
        return (
            f"{said}; KAFKA_BOOTSTRAP_SERVERS and the broker's advertised.listeners must say what its certificate says"
        )
    if error.verify_code not in _UNKNOWN_AUTHORITY:
        return f"the broker's certificate is refused: {said}"
    if settings.ssl_cafile is None:
        return f"this system does not know the authority of the broker's certificate ({said}); set KAFKA_SSL_CAFILE"
    return f"the authority of the broker's certificate is not in KAFKA_SSL_CAFILE={settings.ssl_cafile} ({said})"


def _alert(reason: str, settings: SecuritySettings) -> Trouble:
    said = reason.rpartition("ALERT_")[2].replace("_", " ").lower()
    if "CERTIFICATE" not in reason and "UNKNOWN_CA" not in reason:
        lasting = "PROTOCOL" in reason or "HANDSHAKE_FAILURE" in reason
        return Trouble(f"no TLS connection comes about, which must be of TLS 1.2 or newer: {said}", lasting)
    if settings.ssl_certfile is None:
        return Trouble(f"the broker wants a certificate of ours ({said}); set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE")
    return Trouble(f"the broker does not accept our certificate, KAFKA_SSL_CERTFILE={settings.ssl_certfile} ({said})")


def _elsewhere(others: dict[str, str], settings: SecuritySettings) -> str:
    protocol = settings.protocol
    return f"name another one in KAFKA_BOOTSTRAP_SERVERS, or set KAFKA_SECURITY_PROTOCOL={others[protocol]}"


def _said(cause: BaseException, listener: Listener) -> str:
    match cause:
        case TimeoutError():
            return f"no answer within {listener.seconds:g} s"
        case EOFError() | ConnectionResetError() | ssl.SSLError():
            return "the connection was closed"
        case socket.gaierror():
            return str(cause.strerror)
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
    return str(cause)


def _root(error: BaseException) -> BaseException:
    # aiokafka hides what happened to the connection behind an error of its own.
    while isinstance(error, KafkaError) and error.__cause__ is not None:
        error = error.__cause__
    return error
