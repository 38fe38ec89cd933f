"""The settings of design §6, read once in a main and passed on.

Environment variables with the prefix `MADDY_`, the same names for every service. Every field stands in
`.env.example` with its default and a line of why; a test holds the two together. What must not be seen in an
environment may be a file instead, named like the variable in small letters (`maddy_database_url`), in one of the
folders where Docker and systemd put secrets; a variable wins over a file.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.address import literal_ip, parse, parse_domain, parse_own_domain

MIB = 1024 * 1024
DOCKER_SECRETS = Path("/run/secrets")
Registration = Literal["open", "closed", "token"]


def _split(value: object) -> object:
    return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value


Names = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Delays = Annotated[list[Annotated[float, Field(gt=0)]], NoDecode, BeforeValidator(_split), Field(min_length=1)]


class Settings(BaseSettings):
    """What an operator may choose; sizes in octets, ages in days."""

    model_config = SettingsConfigDict(env_prefix="MADDY_", extra="ignore")

    domain: str = ""
    hostname: str = ""
    local_domains: Names = []
    listen: Names = []
    data: Path = Path("data")
    tls: Path | None = None
    acme_email: str = ""
    acme_url: str = "https://acme-v02.api.letsencrypt.org/directory"
    acme_root: Path | None = None

    database_url: str = ""
    redis_url: str = ""

    registration: Registration = "open"
    username_min: int = Field(8, ge=1, le=64)
    username_max: int = Field(32, ge=1, le=64)
    password_min: int = Field(8, ge=1, le=128)

    max_message_size: int = Field(30 * MIB, ge=64 * 1024)
    quota: int = Field(500_000_000, ge=1_000_000)
    gate_append: bool = True
    imap_compress: bool = False
    imap_condstore: bool = False
    retention_days: int = Field(20, ge=1)
    large_retention_days: int = Field(7, ge=1)
    inactive_days: int = Field(90, ge=1)

    send_per_minute: int = Field(60, ge=1)
    send_burst: int = Field(10, ge=1)
    recipients_per_minute: int = Field(600, ge=1)
    recipients_burst: int = Field(2000, ge=1)
    source_rate: int | None = Field(None, ge=1)
    source_connections: int | None = Field(None, ge=1)
    max_connections: int | None = Field(None, ge=1)
    proxy_from: Names = []
    forwarded_from: Names = []
    min_free_disk: int = Field(1_000_000_000, ge=0)

    unsigned_from: Names = []
    plain_for: Names = []
    dns: Names = []
    dial_private: bool = False
    remote_port_smtp: int = Field(25, ge=1, le=65535)
    remote_port_https: int = Field(443, ge=1, le=65535)
    destination_rate: int = Field(20, ge=1)
    destination_connections: int = Field(10, ge=1, le=100)
    retry_hours: float = Field(48, gt=0)
    warn_hours: float = Field(4, gt=0)
    retry_delays: Delays = [30, 120, 300, 600, 1200, 2400, 3600]
    ambiguous_seconds: float = Field(600, gt=0)
    sweep_seconds: float = Field(3, gt=0)
    connect_seconds: float = Field(30, gt=0)
    reply_seconds: float = Field(300, gt=0)
    final_seconds: float = Field(600, gt=0)
    push_url: str = "https://notifications.delta.chat/notify"
    inbound_database_url: str = ""

    workers: int = Field(1, ge=1, le=64)

    port_smtp: int = Field(25, ge=0, le=65535)
    port_submission: int = Field(587, ge=0, le=65535)
    port_submissions: int = Field(465, ge=0, le=65535)
    port_imap: int = Field(143, ge=0, le=65535)
    port_imaps: int = Field(993, ge=0, le=65535)
    port_http: int = Field(80, ge=0, le=65535)
    port_https: int = Field(443, ge=0, le=65535)

    metrics_port: int = Field(0, ge=0, le=65535)
    metrics_listen: Names = []
    abuse_log: str = ""

    admin_contact: str = ""
    comment: str = ""

    @model_validator(mode="after")
    def _fold(self) -> "Settings":
        if self.domain:
            self.domain = parse_own_domain(self.domain)
        self.local_domains = [parse_own_domain(domain) for domain in self.local_domains]
        self.unsigned_from = [name if name == "*" else parse_domain(name) for name in self.unsigned_from]
        self.plain_for = [str(parse(text)) for text in self.plain_for]
        if self.push_url and not re.match(r"https?://[^/@\s]+", self.push_url):
            raise ValueError("MADDY_PUSH_URL is no address on the web; empty turns push off")
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
    def tls_folder(self) -> Path:
        """Where an operator's `fullchain.pem` and `privkey.pem` are looked for."""
        return self.tls or self.data / "tls"

    @property
    def addresses(self) -> list[str]:
        """The addresses to bind; both wildcards unless chosen."""
        return self.listen or ["0.0.0.0", "::"]

    @property
    def metrics_addresses(self) -> list[str]:
        """The addresses at which `metrics_port` is bound."""
        return self.metrics_listen or self.addresses


def read() -> Settings:
    """Read the settings from the environment, or end the program with the cause in one line."""
    try:
        settings = Settings(_secrets_dir=secrets())
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


def secrets() -> list[Path]:
    """Return the folders that hold secrets as files."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")  # systemd.exec(5)
    folders = [DOCKER_SECRETS, *([Path(given)] if given else [])]
    return [folder for folder in folders if folder.is_dir()]


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _first_line(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors()[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"MADDY_{name}: {first['msg']}" if name else str(first["msg"])
