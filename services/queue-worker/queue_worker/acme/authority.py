"""The conversation with the authority, a step at a time. It waits for answers: every step belongs on a thread.

Strategy: the package `acme` signs and speaks; this module decides what is asked, and turns whatever goes wrong into a
Trouble with a word. The authority's own sentences go no further: they quote addresses. An order is followed by looking
at it alone, one request a look; its parts are asked for only to learn what they failed of.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from acme import errors, messages
from acme.challenges import HTTP01
from acme.client import ClientNetwork, ClientV2
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from josepy.util import ComparableECKey
from requests import Response
from requests.exceptions import RequestException

from queue_worker.acme.trouble import Trouble
from shared import log
from shared.policy.certificates import is_ip

REQUEST_SECONDS = 30  # some authorities sign within the request
SHORT_LIVED = "shortlived"  # the profile that IP addresses need where there are profiles
AGENT = "chatmail-suite"


class Authority:
    """One authority, with an account that is made where it is missing. Raises Trouble, and nothing else."""

    def __init__(self, directory: str, root: Path | None, account_key: EllipticCurvePrivateKey, email: str) -> None:
        key = JWKEC(key=ComparableECKey(account_key))
        self._net = _Network(key, alg=ES256, user_agent=AGENT, timeout=REQUEST_SECONDS)
        if root:
            self._net.verify_ssl = str(root)  # type: ignore[assignment]  # `requests` takes a file here
        with self._in_words():
            self._client = ClientV2(ClientV2.get_directory(directory, self._net), self._net)
            self._sign_up(email)
        self._order = messages.OrderResource()
        self._is_finalized = False

    def order(self, names: list[str], request: bytes) -> dict[str, str]:
        """Place an order; return the answers to give, by token, for what the authority has not seen yet."""
        with self._in_words():
            profiles = self._client.directory.meta.profiles or {}
            profile = SHORT_LIVED if any(map(is_ip, names)) and SHORT_LIVED in profiles else None
            self._order = self._client.new_order(request, profile)
            return {part.chall.encode("token"): part.chall.validation(self._net.key) for part in self._challenges()}

    def call(self) -> None:
        """Say that the answers are there."""
        with self._in_words():
            for part in self._challenges():
                self._client.answer_challenge(part, part.chall.response(self._net.key))

    def look(self) -> str | None:
        """Take the order a step further; return the chain (PEM) when it is done, None while it is not."""
        with self._in_words():
            body = messages.Order.from_json(self._ask(self._order.uri).json())
            if body.status == messages.STATUS_INVALID:
                raise self._failure(body)
            if body.status == messages.STATUS_READY and not self._is_finalized:
                self._client.begin_finalization(self._order)
                self._is_finalized = True
            if body.status == messages.STATUS_VALID and body.certificate:
                return str(self._ask(body.certificate).text)
        return None

    def close(self) -> None:
        """Close the connection."""
        self._net.session.close()

    def _sign_up(self, email: str) -> None:
        wanted = messages.NewRegistration.from_data(email=email, terms_of_service_agreed=True)
        try:
            self._client.new_account(wanted)
        except errors.ConflictError as there_is_one:  # (RFC 8555 §7.3.1)
            self._net.account = messages.RegistrationResource(body=messages.Registration(), uri=there_is_one.location)

    def _challenges(self) -> list[messages.ChallengeBody]:
        """Return the challenges of the order that wait for an answer."""
        waiting = [part.body for part in self._order.authorizations if part.body.status == messages.STATUS_PENDING]
        found = [part for body in waiting for part in body.challenges if isinstance(part.chall, HTTP01)]
        if len(found) < len(waiting):
            raise Trouble("refused")
        return found

    def _failure(self, order: messages.Order) -> Trouble:
        """Learn what an order failed of."""
        parts = [messages.Authorization.from_json(self._ask(url).json()) for url in order.authorizations]
        failed = [part for part in parts if part.status == messages.STATUS_INVALID]
        problems = [challenge.error for part in failed for challenge in part.challenges if challenge.error]
        names = [part.identifier.value for part in failed]
        return _trouble(problems[0] if problems else order.error, names, self._net.retry)

    def _ask(self, url: str) -> Response:
        return self._client._post_as_get(url)  # nothing public of this package asks for one order once

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except Trouble:
            raise
        except messages.Error as error:
            raise _trouble(error, [], self._net.retry) from None
        except (RequestException, errors.ClientError, OSError):
            raise Trouble("away", retry=self._net.retry) from None
        except Exception as error:  # what it said could not be read
            log.failure("acme", error)
            raise Trouble("refused", retry=self._net.retry) from None


class _Network(ClientNetwork):
    """Remembers how long the authority wants to be left alone, in seconds (RFC 8555 §6.6)."""

    retry = 0.0

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        response = super()._send_request(method, url, *args, **kwargs)
        self.retry = 0.0 if response.ok else _seconds(response.headers.get("Retry-After", ""))
        return response


def _trouble(error: messages.Error | None, names: list[str], retry: float) -> Trouble:
    if error is None:
        return Trouble("refused", names, retry)
    parts = [part for part in error.subproblems or () if part.identifier]
    about = names or [part.identifier.value for part in (parts or [error]) if part.identifier]
    return Trouble((parts[0] if parts else error).code or error.code or "refused", about, retry)


def _seconds(header: str) -> float:
    """Read a Retry-After (RFC 9110 §10.2.3), 0 where it says nothing."""
    try:
        return float(header) if header.isdigit() else max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0
