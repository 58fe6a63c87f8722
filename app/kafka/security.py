"""What clients are told so that brokers let them in: TLS, certificates and the login."""

import ssl
from pathlib import Path
from typing import Any

from faust.auth import Credentials, SASLCredentials, SSLCredentials
from pydantic import SecretStr

from app.errors import StartFailed
from config.settings import SecuritySettings


class Security:
    """The link to the brokers, as the settings want it.

    Raises:
        StartFailed: a certificate or key cannot be used; the message names the variable.
    """

    def __init__(self, settings: SecuritySettings) -> None:
        self.settings = settings
        self._context = _tls(settings) if self.encrypts else None

    def __repr__(self) -> str:
        return f"<Security {self.settings.protocol}>"

    @property
    def encrypts(self) -> bool:
        """Whether TLS is spoken."""
        return self.settings.protocol in {"SSL", "SASL_SSL"}

    @property
    def logs_in(self) -> bool:
        """Whether a user and a password are given to the brokers."""
        return self.settings.protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    @property
    def transport_options(self) -> dict[str, Any]:
        """Keyword arguments for an aiokafka connection that does not log in, and so tells nobody a secret."""
        if self.encrypts:
            return {"security_protocol": "SSL", "ssl_context": self._context}
        return {"security_protocol": "PLAINTEXT"}

    @property
    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client, producer, consumer or connection."""
        if not self.logs_in:
            return self.transport_options
        login = {
            "security_protocol": self.settings.protocol,
            "sasl_mechanism": self.settings.sasl_mechanism,
            "sasl_plain_username": self.settings.sasl_username,
            "sasl_plain_password": _revealed(self.settings.sasl_password),
        }
        return self.transport_options | login

    @property
    def faust_credentials(self) -> Credentials | None:
        """The `broker_credentials` of a Faust app."""
        if self.logs_in:
            return SASLCredentials(
                username=self.settings.sasl_username,
                password=_revealed(self.settings.sasl_password),
                mechanism=self.settings.sasl_mechanism,
                ssl_context=self._context,
            )
        return SSLCredentials(self._context) if self.encrypts else None


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _tls(settings: SecuritySettings) -> ssl.SSLContext:
    """TLS 1.2 or newer; the broker's certificate must be signed by an authority we trust and be for its host."""
    if settings.ssl_cafile is not None:
        _check_certificate("KAFKA_SSL_CAFILE", settings.ssl_cafile)
    context = ssl.create_default_context(cafile=settings.ssl_cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ssl_certfile is not None and settings.ssl_keyfile is not None:
        _check_certificate("KAFKA_SSL_CERTFILE", settings.ssl_certfile)
        _load_key(context, settings.ssl_certfile, settings.ssl_keyfile, _revealed(settings.ssl_key_password))
    return context


def _check_certificate(variable: str, path: Path) -> None:
    # What OpenSSL says when a certificate is loaded together with its key does not tell which of the two is at fault.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        raise StartFailed(f"{variable}={path}: the file holds no certificate in PEM form") from error
    except OSError as error:
        raise StartFailed(f"{variable}={path}: {error.strerror}") from error


def _load_key(context: ssl.SSLContext, certfile: Path, keyfile: Path, password: str | None) -> None:
    def ask() -> str:
        # Called for an encrypted key only. Without this OpenSSL would ask on the terminal.
        if password is None:
            raise StartFailed(f"KAFKA_SSL_KEYFILE={keyfile}: the key is encrypted; set KAFKA_SSL_KEY_PASSWORD")
        return password

    try:
        context.load_cert_chain(certfile, keyfile, ask)
    except ssl.SSLError as error:
        raise StartFailed(f"KAFKA_SSL_KEYFILE={keyfile}: {_wrong_key(error, certfile, password)}") from error
    except OSError as error:
        raise StartFailed(f"KAFKA_SSL_KEYFILE={keyfile}: {error.strerror}") from error
    except ValueError as error:
        raise StartFailed(f"KAFKA_SSL_KEY_PASSWORD: {error}") from error


def _wrong_key(error: ssl.SSLError, certfile: Path, password: str | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key does not belong to KAFKA_SSL_CERTFILE={certfile}"
    if password is None:
        return "the file holds no private key in PEM form"
    return "the file holds no private key in PEM form, or KAFKA_SSL_KEY_PASSWORD is not its password"
