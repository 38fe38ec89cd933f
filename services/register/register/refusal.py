"""Every refusal of the web service, each once: its status, its words, and when to come back."""

from math import ceil


class Refusal(Exception):
    """An error that knows its reply; Delta Chat shows `reason` to its user, the pages do too."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = {} if retry_after is None else {"Retry-After": str(max(1, ceil(retry_after)))}


def closed() -> Refusal:
    return Refusal(403, "Registration is closed on this server.")


def token_needed() -> Refusal:
    return Refusal(403, "This server gives addresses by invitation. Please use the invitation you were given.")


def bad_token() -> Refusal:
    return Refusal(403, "This invitation is not valid, or it has been used up.")


def too_often(seconds: float) -> Refusal:
    return Refusal(429, f"Too many requests from your network. Please try again in {max(1, ceil(seconds))} s.", seconds)


def away() -> Refusal:
    return Refusal(503, "The server cannot do this right now. Please try again in a minute.", 60)


def too_large() -> Refusal:
    return Refusal(413, "The request is too large.")


def malformed() -> Refusal:
    return Refusal(400, "The request cannot be read.")
