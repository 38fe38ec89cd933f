"""The container's health check: cheap, alone, and of one mind with the table of services."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatmail import healthy
from chatmail.services import SERVICES
from shared.settings import Settings
from tests.suite import free_address

FILE = Path(healthy.__file__)
OK = b"HTTP/1.1 200 OK\r\n\r\n{}"
ANSWERS: list[tuple[str, Sequence[bytes], bool]] = [
    ("EHLO", [b"220 hello\r\n", b"250-here\r\n250 X\r\n"], True),
    ("EHLO", [b"220 hello\r\n", b"421 going\r\n"], False),
    ("EHLO", [b"421 too many\r\n"], False),
    ("EHLO", [b""], False),
    ("CAPABILITY", [b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\na OK done\r\n"], True),
    ("CAPABILITY", [b"* BYE away\r\n"], False),
    ("GET /health", [b"", OK], True),
    ("GET /health", [b"", b"HTTP/1.1 503 No\r\n\r\n"], False),
    ("GET /health", [b"", b"nonsense\r\n\r\n"], False),
    ("GET /health", [b"", b""], False),
]


@contextmanager
def door(parts: Sequence[bytes], address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A door that says these things, each after the first when it was told something."""

    def talk() -> None:
        client, _ = server.accept()
        with client:
            for number, part in enumerate(parts):
                if number:
                    client.recv(4096)
                client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    with socket.create_server((address, port)) as server:
        talking = threading.Thread(target=talk, daemon=True)
        talking.start()
        yield server.getsockname()[1]
        talking.join(10)


@pytest.mark.parametrize(("question", "parts", "is_right"), ANSWERS)
def test_the_answer_must_be_right(question: str, parts: Sequence[bytes], is_right: bool) -> None:
    with door(parts) as port:
        assert healthy.has_answered(question, "127.0.0.1", port) is is_right


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_table_is_that_of_the_services(service: object) -> None:
    question, setting, default = healthy.DOORS[service.name]  # type: ignore[attr-defined]
    assert question == service.question  # type: ignore[attr-defined]
    first = next(iter(service.ports), "")  # type: ignore[attr-defined]
    assert setting == (f"MADDY_{first.upper()}" if first else "")
    assert default == (Settings.model_fields[first].default if first else 0)


def check(*services: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", str(FILE), *services]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_it_asks_the_door_and_the_inner_port() -> None:
    address = free_address()
    with door([b"220 x\r\n", b"250 x\r\n"], address) as smtp, door([b"", OK], address) as inner:
        done = check("smtp-in", MADDY_LISTEN=address, MADDY_PORT_SMTP=str(smtp), MADDY_METRICS_PORT=str(inner))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_service_without_a_door_is_asked_inside() -> None:
    address = free_address()
    for answer, status in ((OK, 0), (b"HTTP/1.1 503 x\r\n\r\n", 1)):
        with door([b"", answer], address) as inner:
            done = check("queue-worker", MADDY_METRICS_LISTEN=f"{address},::", MADDY_METRICS_PORT=str(inner))
        assert done.returncode == status


@pytest.mark.parametrize(("second", "status"), [(OK, 0), (b"HTTP/1.1 503 x\r\n\r\n", 1)], ids=["well", "ill"])
def test_several_are_asked_one_port_after_the_other(second: bytes, status: int) -> None:
    address = free_address()
    with door([b"", OK], address, 9100), door([b"", second], address, 9101):
        done = check("queue-worker", "queue-worker", MADDY_LISTEN=address, MADDY_METRICS_PORT="9100")
    assert done.returncode == status


def test_nobody_there_is_a_word() -> None:
    done = check("imap", MADDY_LISTEN=free_address(), MADDY_PORT_IMAP="1")
    assert (done.returncode, done.stderr) == (1, "no answer: Connection refused\n")


def test_it_imports_next_to_nothing() -> None:
    code = f"import sys; exec(open({str(FILE)!r}).read(), {{'__name__': 'it'}}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"socket", "ssl", "asyncio", "json", "re", "typing", "pydantic", "chatmail"} & set(done.stdout.split())
