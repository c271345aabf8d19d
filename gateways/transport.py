"""One HTTP exchange with an outside system: explicit time-outs, errors that say whether the request may have arrived.

    Unavailable (kernel, 503)
    └── UpstreamUnavailable   no answer, connection refused, HTTP 5xx
    UpstreamFailed (kernel, 502)
    └── UpstreamRefused       HTTP 3xx or 4xx, or an answer that cannot be understood

Both carry ``may_have_happened``. It is False only where the request certainly was not processed: the connection was
never made (refused, name not found, TLS failed, time-out while connecting or waiting for a free connection), or the
upstream itself refused (4xx). Everything else is ambiguous: whoever sends messages must not send them again.

This file never repeats a request. Where a repetition is right the caller names its rule (`RetryRule`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from kernel.errors import Unavailable, UpstreamFailed

# Tornado tells where a time-out happened only in words (tornado/simple_httpclient.py: "Timeout in request queue",
# "Timeout while connecting", "Timeout during request"); the first two mean that not one byte was sent.
_NOTHING_SENT = ("in request queue", "while connecting")


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often one call may be made in all, and where that is written."""

    name: str
    attempts: int
    source: str


# Seconds until a sender may hand over again a message that certainly was not taken. A refused connection passes by
# itself; a 4xx of the HTTP server (wrong address, blocked by a firewall) waits for somebody to look.
CONNECT_RETRY = 5.0
ATTENTION_RETRY = 300.0

NEVER = RetryRule(
    "never", 1, "Invariant 5: no message goes out twice for one cause. Whether to send again is the sender's decision."
)
TOKEN_FETCH = RetryRule(
    "token fetch",
    2,
    "WeChat stable_token: without force_refresh it returns the same token; asking again changes nothing.",
)
TOKEN_RENEWED = RetryRule(
    "token renewed", 2, "WeChat 40001/40014/42001: refused before it was processed; once more with a new token."
)


class UpstreamUnavailable(Unavailable):
    """An outside system did not answer. ``system`` and ``operation`` say which; ``reason`` is for the log."""

    def __init__(self, system: str, operation: str, reason: str, *, may_have_happened: bool) -> None:
        self.system, self.operation, self.reason = system, operation, reason
        self.may_have_happened = may_have_happened
        super().__init__(None, None, system=system, operation=operation)

    def __str__(self) -> str:
        return f"{self.system} {self.operation}: {self.reason} (may_have_happened={self.may_have_happened})"


class UpstreamRefused(UpstreamFailed):
    """An outside system answered with a 3xx or 4xx, or with something that cannot be understood."""

    def __init__(self, system: str, operation: str, reason: str, *, may_have_happened: bool) -> None:
        self.system, self.operation, self.reason = system, operation, reason
        self.may_have_happened = may_have_happened
        super().__init__(None, None, system=system, operation=operation)

    def __str__(self) -> str:
        return f"{self.system} {self.operation}: {self.reason} (may_have_happened={self.may_have_happened})"


def retry_after(failure: UpstreamUnavailable | UpstreamRefused) -> float | None:
    """Seconds until the same message may be handed over again; None when it may have been taken: then never."""
    if failure.may_have_happened:
        return None
    return ATTENTION_RETRY if isinstance(failure, UpstreamRefused) else CONNECT_RETRY


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: its body, and its media type in lower case without parameters."""

    system: str
    operation: str
    body: bytes
    media_type: str

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises UpstreamRefused (ambiguous: it was processed) when it is none."""
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = None
        if not isinstance(value, dict):
            raise UpstreamRefused(
                self.system, self.operation, f"not a JSON object, {len(self.body)} bytes", may_have_happened=True
            )
        return value


class Transport:
    """HTTP to one outside system. Made anywhere; its connections belong to the event loop of the first request.

    ``connect_timeout`` and ``request_timeout`` are seconds; the second includes the first. ``max_clients`` bounds the
    simultaneous requests of this process; more of them wait, within their time-out.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        connect_timeout: float,
        request_timeout: float,
        max_clients: int = 50,
        max_answer_bytes: int = 4 * 1024 * 1024,
    ) -> None:
        self.system = system
        self._base_url = base_url.rstrip("/")
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout
        self._limits = {"max_clients": max_clients, "max_body_size": max_answer_bytes}
        self._client: AsyncHTTPClient | None = None

    async def exchange(
        self,
        operation: str,
        method: str,
        path_and_query: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        request_timeout: float | None = None,
    ) -> Answer:
        """Send once, answer once. Raises UpstreamUnavailable or UpstreamRefused; see the module for which."""
        request = HTTPRequest(
            self._base_url + path_and_query,
            method=method,
            headers=dict(headers or {}),
            body=body,
            connect_timeout=self._connect_timeout,
            request_timeout=request_timeout or self._request_timeout,
            follow_redirects=False,  # a redirect would carry secrets to an address nobody configured
        )
        response = await self._fetch(operation, request)
        if response.code >= 500:
            raise UpstreamUnavailable(self.system, operation, f"HTTP {response.code}", may_have_happened=True)
        if response.code >= 300:
            raise UpstreamRefused(self.system, operation, f"HTTP {response.code}", may_have_happened=False)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(self.system, operation, response.body or b"", media_type)

    async def _fetch(self, operation: str, request: HTTPRequest) -> HTTPResponse:
        if self._client is None:
            # The pure-Python client, whatever the process has configured: its errors are the ones told apart below.
            self._client = SimpleAsyncHTTPClient(force_instance=True, **self._limits)
        try:
            return await self._client.fetch(request, raise_error=False)
        except HTTPTimeoutError as error:
            before = any(words in str(error) for words in _NOTHING_SENT)
            raise UpstreamUnavailable(self.system, operation, str(error), may_have_happened=not before) from error
        except (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError) as error:
            raise UpstreamUnavailable(self.system, operation, _name(error), may_have_happened=False) from error
        except Exception as error:  # closed or reset streams, broken HTTP, an over-long body: the request had gone out
            raise UpstreamUnavailable(self.system, operation, _name(error), may_have_happened=True) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
