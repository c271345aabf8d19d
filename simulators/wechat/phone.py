"""WeChat's own client, the app on a resident's phone, as control endpoints for the demo and the tests.

POST /control/login      {openid?, high_risk?}           -> {code, openid}          wx.login
POST /control/phone      {openid, phone}                 -> {code}                  getPhoneNumber button
POST /control/subscribe  {openid, templates: [{id, accept}], form?, wait?}          wx.requestSubscribeMessage
                         -> {errMsg, "<id>": "accept"|"reject", push: {delivered, attempts}}
POST /control/change     {openid, template_id, form?}    -> {push}                  switched off in the settings
POST /control/sent-event {openid, template_id, msgid, error_code, error_status}     a late failure
POST /control/message    {openid, content, form?}        -> {push, msgid}           a text to customer service
POST /control/enter      {openid, session_from?, form?}  -> {push}                  opens the chat
POST /control/check-url                                  -> {ok}                    the console's address check
GET  /control/consents   ?openid=                        -> [{template_id, credits, long_term}]
"""

from __future__ import annotations

import secrets
from typing import Any, cast

from tornado.web import HTTPError

from simulators.control import ControlHandler
from simulators.wechat.pushing import Form, Pusher, subscribe_event
from simulators.wechat.world import ENTER_CREDIT, ENTER_WINDOW, MESSAGE_CREDIT, MESSAGE_WINDOW, WeChatWorld

MOST_TEMPLATES = 5  # of one wx.requestSubscribeMessage


class PhoneHandler(ControlHandler):
    def initialize(self, pusher: Pusher) -> None:
        self.pusher = pusher

    @property
    def world(self) -> WeChatWorld:
        return cast(WeChatWorld, self.simulator.world)

    async def push(self, body: dict[str, Any], openid: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Deliver now, or beside the request with ``wait: false``."""
        form = body.get("form")
        if form not in (None, "xml", "json"):
            raise HTTPError(400, "form is xml or json")
        work = self.pusher.push(openid, fields, cast("Form | None", form))
        if body.get("wait", True):
            return await work
        self.control.start(work)
        return {"delivered": None, "attempts": 0}


class Login(PhoneHandler):
    def post(self) -> None:
        body = self.body()
        code, user = self.world.issue_login(body.get("openid") or None)
        user.high_risk = body.get("high_risk") is True
        self.reply({"code": code, "openid": user.openid})


class Phone(PhoneHandler):
    def post(self) -> None:
        body = self.body()
        self.reply({"code": self.world.issue_phone(self.need(body, "openid"), self.need(body, "phone"))})


class Subscribe(PhoneHandler):
    async def post(self) -> None:
        body = self.body()
        openid = self.need(body, "openid")
        choices = {str(entry["id"]): entry.get("accept") is True for entry in body.get("templates") or ()}
        if problem := self._problem(list(choices)):
            self.reply({"errCode": problem[0], "errMsg": f"requestSubscribeMessage:fail {problem[1]}"})
            return
        self.world.user(openid)
        self.world.choose(openid, choices)
        words = {template_id: "accept" if accepted else "reject" for template_id, accepted in choices.items()}
        entries = [
            {"TemplateId": template_id, "SubscribeStatusString": word, "PopupScene": 0}
            for template_id, word in words.items()
        ]
        pushed = await self.push(body, openid, subscribe_event("subscribe_msg_popup_event", entries))
        self.reply({"errMsg": "requestSubscribeMessage:ok", **words, "push": pushed})

    def _problem(self, ids: list[str]) -> tuple[int, str] | None:
        """What wx.requestSubscribeMessage itself refuses."""
        if not ids:
            return 10001, "TmplIds can't be empty"
        if len(ids) > MOST_TEMPLATES:
            return 20003, "Templates count out of max bounds"
        if any(template_id not in self.world.templates for template_id in ids):
            return 20001, "No template data return, verify the template id exist"
        if len({self.world.templates[template_id].kind for template_id in ids}) > 1:
            return 20002, "Templates type must be same"
        return None


class Change(PhoneHandler):
    async def post(self) -> None:
        body = self.body()
        openid, template_id = self.need(body, "openid"), self.need(body, "template_id")
        self.world.switch_off(openid, template_id)
        entry = {"TemplateId": template_id, "SubscribeStatusString": "reject"}
        self.reply({"push": await self.push(body, openid, subscribe_event("subscribe_msg_change_event", [entry]))})


class SentEvent(PhoneHandler):
    async def post(self) -> None:
        body = self.body()
        entry = {
            "TemplateId": self.need(body, "template_id"),
            "MsgID": str(body.get("msgid", "")),
            "ErrorCode": str(body.get("error_code", 0)),
            "ErrorStatus": str(body.get("error_status", "success")),
        }
        fields = subscribe_event("subscribe_msg_sent_event", [entry])
        self.reply({"push": await self.push(body, self.need(body, "openid"), fields)})


class Message(PhoneHandler):
    async def post(self) -> None:
        body = self.body()
        openid = self.need(body, "openid")
        self.world.open_window(openid, MESSAGE_WINDOW, MESSAGE_CREDIT)
        msgid = secrets.randbelow(9 * 10**17) + 10**17
        fields = {"MsgType": "text", "Content": self.need(body, "content"), "MsgId": msgid}
        self.reply({"push": await self.push(body, openid, fields), "msgid": str(msgid)})


class Enter(PhoneHandler):
    async def post(self) -> None:
        body = self.body()
        openid = self.need(body, "openid")
        self.world.open_window(openid, ENTER_WINDOW, ENTER_CREDIT)
        fields = {"MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": body.get("session_from", "")}
        self.reply({"push": await self.push(body, openid, fields)})


class CheckUrl(PhoneHandler):
    async def post(self) -> None:
        self.reply({"ok": await self.pusher.check_url()})


class Consents(PhoneHandler):
    def get(self) -> None:
        openid = self.get_query_argument("openid")
        self.reply(
            [
                {
                    "template_id": template_id,
                    "credits": self.world.credits.get((openid, template_id), 0),
                    "long_term": (openid, template_id) in self.world.long_term,
                }
                for template_id in self.world.templates
            ]
        )


ROUTES: dict[str, type[PhoneHandler]] = {
    "/control/login": Login,
    "/control/phone": Phone,
    "/control/subscribe": Subscribe,
    "/control/change": Change,
    "/control/sent-event": SentEvent,
    "/control/message": Message,
    "/control/enter": Enter,
    "/control/check-url": CheckUrl,
    "/control/consents": Consents,
}
