"""Inbound pushes: WeChat's own example, wechatpy's cipher as a second opinion, the simulator as the sender."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest
from wechatpy.crypto import WeChatCrypto

from gateways.wechat import (
    OtherPush,
    PushEvent,
    PushReceiver,
    PushSettings,
    SubscribeChange,
    SubscribePopup,
    SubscribeSent,
    UserEnteredChat,
    UserMessage,
)
from gateways.wechat.crypto import PushCipher
from gateways.wechat.push import read_message
from kernel.clock import SystemClock
from kernel.errors import Code, InvalidInput, NotAuthenticated, TooLarge
from tests.simulators.support import DONE, LASTING, WECHAT, listening, query_of, running_wechat

SETTINGS = PushSettings(WECHAT.appid, WECHAT.push_token, WECHAT.encoding_aes_key)
RECEIVER = PushReceiver(SETTINGS, SystemClock())
KEY = base64.b64decode(SETTINGS.encoding_aes_key + "=")


def encrypted(plain: bytes) -> str:
    """AES only: the plaintext, padding included, is the test's own."""
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(KEY[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def posted(ciphertext: str, **query: str) -> tuple[dict[str, str], bytes]:
    signature = PushCipher(SETTINGS).sign("1714036504", "1514711492", ciphertext)
    full = {"timestamp": "1714036504", "nonce": "1514711492", "encrypt_type": "aes", "msg_signature": signature}
    return full | query, json.dumps({"Encrypt": ciphertext}).encode()


class TestTheOfficialExample:
    def test_the_url_check(self) -> None:
        query = {
            "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
            "timestamp": "1714036504",
            "nonce": "1514711492",
            "echostr": "4375120948345356249",
        }
        assert RECEIVER.check_url(query) == b"4375120948345356249"
        with pytest.raises(NotAuthenticated) as wrong:
            RECEIVER.check_url(query | {"nonce": "1"})
        assert wrong.value.code is Code.BAD_SIGNATURE

    def test_the_encrypted_answer(self) -> None:
        receiver = PushReceiver(SETTINGS, SystemClock(), lambda _: bytes.fromhex("707722b803182950"))
        reply = receiver.seal(b'{"demo_resp":"good luck"}', timestamp="1713424427", nonce="415670741")
        assert reply.encrypt == (
            "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
        )
        assert reply.msg_signature == "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
        assert json.loads(reply.json()) == {
            "Encrypt": reply.encrypt,
            "MsgSignature": reply.msg_signature,
            "TimeStamp": 1713424427,
            "Nonce": "415670741",
        }


class TestAgainstWechatpy:
    @given(st.text(min_size=1, max_size=200).filter(lambda text: "\x00" not in text))
    def test_what_one_encrypts_the_other_reads(self, text: str) -> None:
        theirs = WeChatCrypto(SETTINGS.token, SETTINGS.encoding_aes_key, SETTINGS.appid)
        reply = RECEIVER.seal(text.encode())
        envelope = {"Encrypt": reply.encrypt}
        read = theirs.decrypt_message(envelope, reply.msg_signature, reply.timestamp, reply.nonce)
        assert read == text
        from wechatpy.crypto import PrpCrypto

        assert PushCipher(SETTINGS).decrypt(PrpCrypto(KEY).encrypt(text, SETTINGS.appid).decode()) == text.encode()

    def test_the_xml_answer_is_read_by_wechatpy(self) -> None:
        theirs = WeChatCrypto(SETTINGS.token, SETTINGS.encoding_aes_key, SETTINGS.appid)
        reply = RECEIVER.seal("<xml><a>转人工</a></xml>".encode())
        read = theirs.decrypt_message(reply.xml(), reply.msg_signature, reply.timestamp, reply.nonce)
        assert read == "<xml><a>转人工</a></xml>"


class TestForgeries:
    @pytest.mark.parametrize(
        "query",
        [
            {"msg_signature": "0" * 40},
            {"msg_signature": ""},
            {"msg_signature": "é"},
            {"timestamp": "1"},
            {"encrypt_type": "raw"},
            {"encrypt_type": ""},
        ],
    )
    def test_a_request_that_is_not_signed_for_us_is_refused(self, query: dict[str, str]) -> None:
        good, body = posted(PushCipher(SETTINGS).encrypt(b'{"MsgType":"text","FromUserName":"o","CreateTime":1}'))
        assert isinstance(RECEIVER.open(good, body), UserMessage)
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(good | query, body)

    def test_the_signature_over_timestamp_and_nonce_alone_is_not_enough(self) -> None:
        ciphertext = PushCipher(SETTINGS).encrypt(b"{}")
        weak = PushCipher(SETTINGS).sign("1714036504", "1514711492")
        query, body = posted(ciphertext, signature=weak, msg_signature=weak)
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(query, body)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"Encrypt": 1}',
            b"<xml></xml>",
            b"<xml><Encrypt><a/></Encrypt></xml>",
            b"<a/>",
            b"\xff\xfe",
            b'{"Encrypt":' + b"[" * 50_000,
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Encrypt>&a;</Encrypt></xml>',
        ],
    )
    def test_an_envelope_without_a_ciphertext_is_refused(self, body: bytes) -> None:
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(posted("x")[0], body)

    def test_a_body_larger_than_any_push_is_refused_unread(self) -> None:
        with pytest.raises(TooLarge):
            RECEIVER.open(posted("x")[0], b"x" * 65_537)

    @pytest.mark.parametrize(
        "plain",
        [
            b"r" * 32,  # padding byte 0x72 is out of range
            b"r" * 31 + b"\x00",
            b"r" * 31 + b"\x21",
            b"r" * 30 + b"\x01\x02",  # padding bytes differ
            b"\x20" * 32,  # nothing but padding
            b"r" * 16 + struct.pack(">I", 2**31) + b"x" * 11 + b"\x01",  # length beyond the end
            b"r" * 16 + struct.pack(">I", 2) + b"{}" + b"wxother" + b"\x03" * 3,  # another appid
            # ours in everything but one padding byte
            b"r" * 16 + struct.pack(">I", 2) + b"{}" + SETTINGS.appid.encode() + b"\x17" + b"\x18" * 23,
            b"r" * 16 + struct.pack(">I", 2) + b"{}" + SETTINGS.appid.encode()[:-1] + b"X" + b"\x08" * 8,
        ],
    )
    def test_a_plaintext_that_is_not_ours_is_refused_though_it_is_signed(self, plain: bytes) -> None:
        plain += b"\x00" * (-len(plain) % 16) if len(plain) % 16 else b""
        query, body = posted(encrypted(plain))
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(query, body)

    @pytest.mark.parametrize("ciphertext", ["", "A", "not base64!", base64.b64encode(b"x" * 15).decode(), "中文"])
    def test_a_ciphertext_that_is_none_is_refused_though_it_is_signed(self, ciphertext: str) -> None:
        query, body = posted(ciphertext)
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(query, body)

    @given(st.binary(max_size=80))
    def test_no_bytes_do_anything_but_be_refused(self, body: bytes) -> None:
        with pytest.raises(NotAuthenticated):
            RECEIVER.open(posted("x")[0], body)

    @pytest.mark.parametrize("key", ["short", "A" * 44, "!" * 43])
    def test_a_wrong_key_stops_the_start(self, key: str) -> None:
        with pytest.raises(ValueError, match="encoding_aes_key"):
            PushCipher(PushSettings("wx1", "token", key))

    @given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
    def test_a_message_that_is_none_is_an_invalid_input(self, message: bytes) -> None:
        with pytest.raises(InvalidInput):
            read_message(message)


class TestEvents:
    """The examples of WeChat's documentation, in both forms and with both kinds of numbers."""

    @pytest.mark.parametrize("created", ["1620963428", 1620963428])
    @pytest.mark.parametrize("several", [True, False])
    def test_a_popup_in_json(self, created: str | int, several: bool) -> None:
        entry = {"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "0"}
        other = {"TemplateId": "T2", "SubscribeStatusString": "reject", "PopupScene": 0}
        message: dict[str, object] = {"FromUserName": "oA", "CreateTime": created, "MsgType": "event"}
        message |= {"Event": "subscribe_msg_popup_event", "List": [entry, other] if several else entry}
        event = read_message(json.dumps(message).encode())
        assert isinstance(event, SubscribePopup)
        assert event.at == datetime(2021, 5, 14, 3, 37, 8, tzinfo=UTC)
        assert [(choice.template_id, choice.accepted) for choice in event.choices] == (
            [("T1", True), ("T2", False)] if several else [("T1", True)]
        )
        assert event.dedup_key == f"popup:oA:1620963428:{'T1,T2' if several else 'T1'}"

    def test_a_popup_in_xml(self) -> None:
        event = read_message(
            b"<xml><ToUserName><![CDATA[gh]]></ToUserName><FromUserName><![CDATA[oA]]></FromUserName>"
            b"<CreateTime>1610969440</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            b"<Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>"
            b"<List><TemplateId><![CDATA[T1]]></TemplateId>"
            b"<SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString><PopupScene>0</PopupScene></List>"
            b"<List><TemplateId><![CDATA[T2]]></TemplateId>"
            b"<SubscribeStatusString><![CDATA[reject]]></SubscribeStatusString><PopupScene>0</PopupScene></List>"
            b"</SubscribeMsgPopupEvent></xml>"
        )
        assert isinstance(event, SubscribePopup)
        assert [choice.accepted for choice in event.choices] == [True, False]

    @pytest.mark.parametrize("code", [40003, "40003"])
    def test_a_late_failure(self, code: int | str) -> None:
        entry = {"TemplateId": "T1", "MsgID": "1864", "ErrorCode": code, "ErrorStatus": "user invalid"}
        message = {"FromUserName": "oA", "CreateTime": 1, "MsgType": "event", "Event": "subscribe_msg_sent_event"}
        event = read_message(json.dumps(message | {"List": entry}).encode())
        assert isinstance(event, SubscribeSent)
        assert (event.results[0].msgid, event.results[0].error_code) == ("1864", 40003)

    def test_what_is_not_known_is_passed_on(self) -> None:
        event = read_message(b'{"FromUserName":"oA","CreateTime":1,"MsgType":"event","Event":"wxa_media_check"}')
        assert isinstance(event, OtherPush)
        assert event.name == "wxa_media_check"


class TestFromTheSimulator:
    @pytest.mark.parametrize("form", ["xml", "json"])
    async def test_everything_a_resident_does_arrives_as_an_event(self, form: str) -> None:
        events: list[PushEvent] = []
        async with running_wechat() as wechat, listening(self.taking(events)) as callback:
            await wechat.control("callback", url=callback.url)
            both = [{"id": DONE, "accept": True}, {"id": "OTHER-one-time", "accept": False}]
            pushed = await wechat.control("subscribe", openid="oA", templates=both, form=form)
            await wechat.control("change", openid="oA", template_id=LASTING, form=form)
            await wechat.control("message", openid="oA", content="<在吗&>", form=form)
            await wechat.control("enter", openid="oA", session_from="case=1", form=form)
            await wechat.control("sent-event", openid="oA", template_id=DONE, msgid="9", error_code=1, form=form)
        assert pushed["push"] == {"delivered": True, "attempts": 1}
        popup, change, message, entered, sent = events
        assert isinstance(popup, SubscribePopup)
        assert {choice.template_id: choice.accepted for choice in popup.choices} == {
            DONE: True,
            "OTHER-one-time": False,
        }
        assert isinstance(change, SubscribeChange)
        assert not change.choices[0].accepted
        assert isinstance(message, UserMessage)
        assert message.text == "<在吗&>"
        assert isinstance(entered, UserEnteredChat)
        assert entered.session_from == "case=1"
        assert isinstance(sent, SubscribeSent)
        assert {event.openid for event in events} == {"oA"}

    async def test_a_repeated_push_has_the_same_key(self) -> None:
        events: list[PushEvent] = []
        async with running_wechat() as wechat, listening(self.taking(events)) as callback:
            await wechat.control("callback", url=callback.url)
            await wechat.fault("callback", "repeat")
            await wechat.control("subscribe", openid="oA", templates=[{"id": DONE, "accept": True}])
        assert len(events) == 2
        assert len({event.dedup_key for event in events}) == 1

    async def test_the_address_check_passes(self) -> None:
        async with running_wechat() as wechat, listening(lambda r: (200, RECEIVER.check_url(query_of(r)))) as callback:
            await wechat.control("callback", url=callback.url)
            assert await wechat.control("check-url") == {"ok": True}

    async def test_an_encrypted_answer_is_taken_and_a_forged_one_is_not(self) -> None:
        reply = RECEIVER.seal(b"<xml><MsgType>transfer_customer_service</MsgType></xml>")
        forged = reply.xml().replace(b"<TimeStamp>", b"<TimeStamp>1")
        for body, delivered in ((reply.xml(), True), (reply.json(), True), (forged, False), (b"sorry", False)):
            async with running_wechat() as wechat, listening(lambda _, body=body: (200, body)) as callback:  # type: ignore[misc]
                await wechat.control("callback", url=callback.url)
                assert (await wechat.control("enter", openid="oA"))["push"]["delivered"] is delivered

    @staticmethod
    def taking(events: list[PushEvent]) -> Callable[[HTTPServerRequest], tuple[int, bytes]]:
        def take(request: HTTPServerRequest) -> tuple[int, Any]:
            events.append(RECEIVER.open(query_of(request), request.body))
            return 200, b"success"

        return take
