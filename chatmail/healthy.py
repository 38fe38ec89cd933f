"""Is this container's service healthy? Asked every few seconds by Docker, hence as cheap as Python can be.

Strategy: run as a file, `python -I -S chatmail/healthy.py SERVICE…`, it imports the standard library's C socket alone
and nothing of ours. It puts the service's own question to its first door and asks its health at the inner port, if it
has one; status 0 says yes to both. Ports come from the settings of the same names; a test holds the table here and that
of services together. `chatmail up` takes the questions from here.
"""

import _socket
import os
import sys

SECONDS = 5.0

# What to say to a door, and what its answers must begin with: (greeting, said, answer, farewell).
Dialogue = tuple[bytes, bytes, bytes, bytes]
DIALOGUES: dict[str, Dialogue] = {
    "EHLO": (b"220", b"EHLO localhost\r\n", b"250", b"QUIT\r\n"),
    "CAPABILITY": (b"* OK", b"a CAPABILITY\r\n", b"* CAPABILITY", b"b LOGOUT\r\n"),
}

# The question of each service, the setting that names its first door's port, and that port's default.
DOORS = {
    "smtp-in": ("EHLO", "MADDY_PORT_SMTP", 25),
    "submission": ("EHLO", "MADDY_PORT_SUBMISSION", 587),
    "imap": ("CAPABILITY", "MADDY_PORT_IMAP", 143),
    "queue-worker": ("event", "", 0),
    "register": ("GET /health", "MADDY_PORT_HTTP", 80),
}


def is_healthy(service: str, number: int = 0) -> bool:
    """Ask the service at its door and at its inner port, as far as it has them; raise OSError if nobody answers.

    `number` is its place in a container that has several: their inner ports follow one another.
    """
    question, setting, default = DOORS[service]
    listen, inner = os.environ.get("MADDY_LISTEN", ""), os.environ.get("MADDY_METRICS_LISTEN", "")
    if setting and not has_answered(question, _near(listen), _port(setting, default)):
        return False
    port = _port("MADDY_METRICS_PORT", 0)
    return not port or has_answered("GET /health", _near(inner or listen), port + number)


def has_answered(question: str, address: str, port: int) -> bool:
    """Put a question to a door and tell whether the answer was right."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    door = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        door.settimeout(SECONDS)
        door.connect((address, port))
        if question == "GET /health":
            door.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return _line(door).split(b" ")[1:2] == [b"200"]
        greeting, said, answer, farewell = DIALOGUES[question]
        if not _line(door).startswith(greeting):
            return False
        door.sendall(said)
        is_right = _line(door).startswith(answer)
        door.sendall(farewell)
        while door.recv(4096):  # hear it out: a connection cut short would count as an error there
            pass
        return is_right
    finally:
        door.close()


def _line(door: _socket.socket) -> bytes:
    """Return what came up to the first line end, 4 KB at the most."""
    found = b""
    while b"\n" not in found and len(found) < 4096 and (part := door.recv(4096)):
        found += part
    return found


def _near(listen: str) -> str:
    """Return an address at which this container reaches itself, its service being bound to these."""
    first = (listen.replace(",", " ").split() or ["0.0.0.0"])[0]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(first, first)


def _port(setting: str, default: int) -> int:
    return int(os.environ.get(setting) or default)


def main() -> None:
    """Answer for the services named on the command line, as `chatmail up` orders them, by the exit status."""
    try:
        status = 0 if all(is_healthy(service, number) for number, service in enumerate(sys.argv[1:])) else 1
    except OSError as error:
        print(f"no answer: {error.strerror or error}", file=sys.stderr)
        status = 1
    raise SystemExit(status)


if __name__ == "__main__":
    main()
