"""Simulators on free ports with short times, their control endpoints, and an application that takes callbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from kernel.clock import Clock
from simulators import sms, wechat
from simulators.control import Served, serve

DONE, LASTING = "TEMPLATE-DONE-one-time", "TEMPLATE-CALL-long-term"
DONE_DATA = {"thing1": "居住证办理", "phrase2": "已办结", "time3": "2026年11月23日 15:01"}

WECHAT = wechat.WeChatSimSettings(
    appid="wxba5fad812f8e6fb9",
    secret="s3cret",
    push_token="AAAAA",
    encoding_aes_key="A" * 43,
    templates=(
        wechat.Template(DONE, "办结通知", "one_time", {"thing1": "thing", "phrase2": "phrase", "time3": "time"}),
        wechat.Template(LASTING, "叫号提醒", "long_term", {"character_string1": "character_string", "thing2": "thing"}),
        wechat.Template("OTHER-one-time", "预约提醒", "one_time", {"date1": "date"}),
    ),
    pages=("pages/index/index", "pages/case/detail"),
    send_seconds=0.01,
    push_pause=0.01,
)
CODE_TEMPLATE, NOTICE_TEMPLATE = "1000001", "1000002"
SMS = sms.SmsSimSettings(
    templates=(
        sms.SmsTemplate(CODE_TEMPLATE, "您的验证码为{1}，{2}分钟内有效。"),
        sms.SmsTemplate(NOTICE_TEMPLATE, "您申请的{1}已办结，请到{2}领取。"),
    ),
    receipt_seconds=0.01,
    receipt_pause=0.01,
)


@dataclass
class Running:
    """A simulator that runs in this event loop, and its control endpoints."""

    served: Served
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return self.served.url

    async def control(self, path: str, /, **body: Any) -> Any:
        response = await self.client.post(f"{self.url}/control/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def look(self, path: str, /, **query: str) -> Any:
        response = await self.client.get(f"{self.url}/control/{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def fault(self, path: str, kind: str, /, **more: Any) -> None:
        await self.control("faults", path=path, kind=kind, **more)


@asynccontextmanager
async def running_wechat(**changes: Any) -> AsyncIterator[Running]:
    async with serve(wechat.make_app(replace(WECHAT, **changes))) as served, httpx.AsyncClient() as client:
        yield Running(served, client)


@asynccontextmanager
async def running_sms(clock: Clock | None = None, **changes: Any) -> AsyncIterator[Running]:
    async with serve(sms.make_app(replace(SMS, **changes), clock)) as served, httpx.AsyncClient() as client:
        yield Running(served, client)


@dataclass
class Callback:
    """The application's callback address, or any upstream that answers as told: its requests, newest last."""

    url: str
    requests: list[HTTPServerRequest]

    @property
    def base(self) -> str:
        return self.url.removesuffix("/callback")


Answering = Callable[[HTTPServerRequest], tuple[int, bytes]]


@asynccontextmanager
async def listening(answer: Answering = lambda _: (200, b"success")) -> AsyncIterator[Callback]:
    requests: list[HTTPServerRequest] = []

    class Handler(RequestHandler):
        def post(self) -> None:
            requests.append(self.request)
            status, body = answer(self.request)
            self.set_status(status)
            self.finish(body)

        get = post

    server = HTTPServer(Application([("/.*", Handler)], log_function=lambda _: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield Callback(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/callback", requests)
    finally:
        server.stop()
        await server.close_all_connections()


def query_of(request: HTTPServerRequest) -> dict[str, str]:
    return {key: values[-1].decode() for key, values in request.query_arguments.items()}
