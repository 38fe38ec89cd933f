"""The settings of design §6, read once in a main and passed on.

Environment variables with the prefix `MADDY_`, the same names for every service. Every field stands in
`.env.example` with its default and a line of why; a test holds the two together.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.address import literal_ip, parse_own_domain

MIB = 1024 * 1024
Registration = Literal["open", "closed", "token"]


def _split(value: object) -> object:
    return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value


class Settings(BaseSettings):
    """What an operator may choose; sizes in octets, ages in days."""

    model_config = SettingsConfigDict(env_prefix="MADDY_", extra="ignore")

    domain: str = ""
    hostname: str = ""
    local_domains: Annotated[list[str], NoDecode, BeforeValidator(_split)] = []
    listen: Annotated[list[str], NoDecode, BeforeValidator(_split)] = []
    data: Path = Path("data")

    database_url: str = ""
    redis_url: str = ""

    registration: Registration = "open"
    username_min: int = Field(8, ge=1, le=64)
    username_max: int = Field(32, ge=1, le=64)
    password_min: int = Field(8, ge=1, le=128)

    max_message_size: int = Field(30 * MIB, ge=64 * 1024)
    quota: int = Field(500_000_000, ge=1_000_000)
    retention_days: int = Field(20, ge=1)
    large_retention_days: int = Field(7, ge=1)
    inactive_days: int = Field(90, ge=1)

    send_per_minute: int = Field(60, ge=1)
    send_burst: int = Field(10, ge=1)
    source_rate: int | None = Field(None, ge=1)
    source_connections: int | None = Field(None, ge=1)
    max_connections: int | None = Field(None, ge=1)
    min_free_disk: int = Field(1_000_000_000, ge=0)

    workers: int = Field(1, ge=1, le=64)

    port_smtp: int = Field(25, ge=0, le=65535)
    port_submission: int = Field(587, ge=0, le=65535)
    port_submissions: int = Field(465, ge=0, le=65535)
    port_imap: int = Field(143, ge=0, le=65535)
    port_imaps: int = Field(993, ge=0, le=65535)
    port_http: int = Field(80, ge=0, le=65535)
    port_https: int = Field(443, ge=0, le=65535)

    admin_contact: str = ""
    comment: str = ""

    @model_validator(mode="after")
    def _fold(self) -> "Settings":
        if self.domain:
            self.domain = parse_own_domain(self.domain)
        self.local_domains = [parse_own_domain(domain) for domain in self.local_domains]
        if self.username_min > self.username_max:
            raise ValueError("MADDY_USERNAME_MIN is above MADDY_USERNAME_MAX")
        if not self.hostname:
            ip = literal_ip(self.domain) if self.domain else None
            self.hostname = str(ip) if ip else self.domain
        return self

    @property
    def domains(self) -> frozenset[str]:
        """Every domain whose addresses live here."""
        return frozenset({self.domain, *self.local_domains})

    @property
    def addresses(self) -> list[str]:
        """The addresses to bind; both wildcards unless chosen."""
        return self.listen or ["0.0.0.0", "::"]


def read() -> Settings:
    """Read the settings from the environment, or end the program with the cause in one line."""
    try:
        settings = Settings()
    except ValueError as error:
        raise SystemExit(f"settings: {_first_line(error)}") from None
    if not settings.domain:
        raise SystemExit("settings: MADDY_DOMAIN is not set: a mail domain, or the IP address of a server without DNS")
    return settings


def environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment with these settings in it, for a service to be started."""
    values = settings.model_dump()
    ours = {f"MADDY_{name.upper()}": _written(value) for name, value in values.items() if value not in (None, "", [])}
    return {**os.environ, **ours}


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _first_line(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors()[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"MADDY_{name}: {first['msg']}" if name else str(first["msg"])
