"""The wechatpayv3 library on a connection of our own.

The library (2.0.4, the one pinned version) is used for what it does well: the paths and parameters of API v3, request
signatures, and the verification of answers. It offers no way to set two things that matter, so two private attributes
of it are set here and nowhere else; a test notices when a new version moves them:

- ``_core._gate_way``, the base URL: for WeChat Pay's second domain (api2.mch.weixin.qq.com) and for a stand-in;
- ``_core._client``, the httpx client: its own reads proxies and certificates from the environment, has no bound on an
  answer's size, and no bound on a whole call (httpx counts each read anew, so a dripping answer never ends).

Its debug log is never switched on: it writes decrypted personal data.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType  # type: ignore[import-untyped]

from gateways.transport import UpstreamRefused, UpstreamUnavailable
from gateways.wechat_pay.errors import SYSTEM, failure
from gateways.wechat_pay.records import WeChatPaySettings

# Raised by httpx before the first byte of the request is sent.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
# A refused answer or an order has a few KB; a bill is bounded by max_bill_bytes, which it never exceeds packed.
_MAX_ANSWER = 1024 * 1024
_NO_TURN = "no free connection in time"


class Connection:
    """AsyncWeChatPay as ``pay``, and the one way to call it. Safe for concurrent calls on one event loop."""

    def __init__(self, settings: WeChatPaySettings) -> None:
        self.base_url = settings.base_url.rstrip("/")
        self._timeout = settings.request_timeout
        self._turns = asyncio.Semaphore(settings.max_clients)
        self.pay: Any = AsyncWeChatPay(
            # The enumeration of wechatpayv3.async_: the one of wechatpayv3 itself never compares equal to it.
            wechatpay_type=WeChatPayType.MINIPROG,
            mchid=settings.mchid,
            private_key=settings.merchant_private_key,
            cert_serial_no=settings.merchant_serial,
            appid=settings.appid,
            apiv3_key=settings.apiv3_key,
            public_key=settings.public_key,
            public_key_id=settings.public_key_id,
        )
        self._client = httpx.AsyncClient(
            transport=_Bounded(
                httpx.AsyncHTTPTransport(
                    trust_env=False,
                    limits=httpx.Limits(
                        max_connections=settings.max_clients, max_keepalive_connections=settings.max_clients
                    ),
                ),
                max(_MAX_ANSWER, settings.max_bill_bytes),
            ),
            timeout=httpx.Timeout(settings.request_timeout, connect=settings.connect_timeout),
            trust_env=False,
            follow_redirects=False,  # a redirect would carry a signed request to an address nobody configured
        )
        self.pay._core._gate_way = self.base_url
        self.pay._core._client = self._client

    async def call(
        self, operation: str, request: Callable[[], Awaitable[tuple[int, str | bytes]]], *, within: float | None = None
    ) -> tuple[int, str | bytes]:
        """Ask once; the status (200 or 204) and the body. ``within``: seconds for the whole call.

        Raises what ``gateways.wechat_pay.errors`` lists.
        """
        deadline = asyncio.get_running_loop().time() + (within or self._timeout)
        await self._wait_for_turn(operation, deadline)
        try:
            async with asyncio.timeout_at(deadline):
                status, body = await request()
        except _NOTHING_SENT as error:
            raise UpstreamUnavailable(SYSTEM, operation, _name(error), may_have_happened=False) from error
        except (TimeoutError, httpx.HTTPError) as error:
            raise UpstreamUnavailable(SYSTEM, operation, _name(error), may_have_happened=True) from error
        except Exception as error:
            # The library raises bare Exceptions, for a signature that does not hold (probes among them) as for a
            # serial it does not know. The answer was complete, so the request was processed.
            raise UpstreamRefused(SYSTEM, operation, _name(error), may_have_happened=True) from error
        finally:
            self._turns.release()
        if status not in (200, 204):
            raise failure(operation, status, body)
        return status, body

    async def _wait_for_turn(self, operation: str, deadline: float) -> None:
        """Waiting in httpx's own queue would count as sending: whoever gives up here has certainly sent nothing."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
        except TimeoutError as error:
            raise UpstreamUnavailable(SYSTEM, operation, _NO_TURN, may_have_happened=False) from error
        if asyncio.get_running_loop().time() >= deadline:
            # The turn came together with the end of the time: what would be begun now could only be given up.
            self._turns.release()
            raise UpstreamUnavailable(SYSTEM, operation, _NO_TURN, may_have_happened=False)

    async def close(self) -> None:
        await self._client.aclose()


class _Bounded(httpx.AsyncBaseTransport):
    """Ends an answer that grows beyond ``limit`` bytes on the wire."""

    def __init__(self, inner: httpx.AsyncBaseTransport, limit: int) -> None:
        self._inner, self._limit = inner, limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        response.stream = _Counted(cast(httpx.AsyncByteStream, response.stream), self._limit)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, limit: int) -> None:
        self._inner, self._left = inner, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx.ReadError("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
