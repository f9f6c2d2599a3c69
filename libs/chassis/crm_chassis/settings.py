"""What does a service need to be told? Everything comes from environment variables of the same names in capitals."""

import base64
import hashlib
import hmac
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from crm_chassis.service_keys import ServiceKeys

DEVELOPMENT_ISSUER = "crm-development"
_SECRETS = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """Settings of any service; each adds its own and its default `port`. Keys are 32 bytes, base64."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, secrets_dir=_SECRETS if _SECRETS.is_dir() else None)

    environment: Literal["development", "production"] = "development"
    database_url: str = Field(description="postgresql://… of the service's own database")
    kafka_bootstrap_servers: str = "localhost:9092"
    vault_database_url: str | None = Field(default=None, description="where the keys of personal data live; needed where personal data is opened or sealed")
    master_key: SecretStr | None = Field(default=None, description="wraps the keys in the vault")
    index_key: SecretStr = Field(description="keys the hashes by which identifiers, names and requests are known again, and signs cursors")
    auth_jwks: str = Field(description="path or URL of the token issuer's public keys")
    auth_issuer: str = DEVELOPMENT_ISSUER
    auth_audience: str = "crm"
    service_keys: Path | None = Field(default=None, description="file of the keys of machines that call without a token issuer: `<service> key`")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = Field(default="", description="how others reach this service; default: from host and port")
    relay: bool = Field(default=True, description="send events to Kafka from inside the API process")
    timer: bool = Field(default=True, description="let time pass (breaches, expiries) from inside the API process")
    follow: bool = Field(default=True, description="follow other services' events from inside the API process")
    cors_origins: tuple[str, ...] = Field(default=(), description='JSON list of origins whose pages may call the API, as ["https://desk.example"]')
    max_in_flight: int = Field(default=512, ge=1, description="requests worked on at once; above it 503 overloaded")
    max_writes: int = Field(
        default=128, ge=1, description="commands worked on at once (a bulk request counts as 16); above it 503 overloaded, while reads go on"
    )
    rate_limit: int | None = Field(default=None, ge=1, description="requests a minute and caller; default: no limit")
    drain_seconds: float = Field(default=0, ge=0, description="how long the API goes on serving, unready, when asked to end, so that clients go elsewhere")
    otel_exporter_otlp_endpoint: str | None = Field(default=None, description="where traces are sent by OTLP/HTTP, as http://collector:4318; default: nowhere")
    otel_traces_sampler_arg: float = Field(default=0.05, ge=0, le=1, description="the share of requests traced whose callers do not say")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("master_key", "index_key")
    @classmethod
    def _a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _bytes(value)
        return value

    @field_validator("service_keys")
    @classmethod
    def _keys_of_machines(cls, value: Path | None) -> Path | None:
        if value is not None:
            ServiceKeys(value)
        return value

    @model_validator(mode="after")
    def _safe_in_production(self) -> "ServiceSettings":
        if self.environment == "production" and self.auth_issuer == DEVELOPMENT_ISSUER:
            raise ValueError("AUTH_ISSUER must be set in production: the development issuer signs anything for anybody.")
        return self

    @cached_property
    def index_key_bytes(self) -> bytes:
        """The key of the blind index and of request fingerprints."""
        return _bytes(self.index_key)

    @cached_property
    def cursor_key(self) -> bytes:
        """Derived, so that a cursor never helps against the index."""
        return hmac.digest(self.index_key_bytes, b"cursors", hashlib.sha256)

    @cached_property
    def master_key_bytes(self) -> bytes:
        """The key that wraps the vault's keys. ValueError if it was not told."""
        if self.master_key is None:
            raise ValueError("MASTER_KEY is not set.")
        return _bytes(self.master_key)

    @property
    def url(self) -> str:
        """The public URL without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S], **told: Any) -> S:
    """The settings from the environment. Ends the process with one line per setting that is missing or wrong; never shows a value."""
    try:
        return settings(**told)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(part) for part in item['loc']).upper() or 'settings'}: {item['msg']}" for item in error.errors(include_url=False)]
        sys.exit("The settings do not fit (environment variables):\n" + "\n".join(lines))


def _bytes(key: SecretStr) -> bytes:
    try:
        raw = base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        raise ValueError("is not base64") from None
    if len(raw) != 32:
        raise ValueError("must be 32 bytes in base64: openssl rand -base64 32")
    return raw
