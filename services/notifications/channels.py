"""Which way a message goes now: WeChat where the person has allowed it, SMS otherwise, else only the inbox.

Nothing is claimed or sent here: what fails here leaves the message in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateways.sms.protocol import PhoneFormatError, e164
from services.notifications.model import Channel, Consent, Message, Template
from services.notifications.policy import NotificationRules
from services.notifications.ports import Contact, Recipients
from services.notifications.rendering import DoesNotFit, WechatContent, render_sms, render_wechat
from services.notifications.store import ConsentStore, TemplateStore


@dataclass(frozen=True, slots=True)
class ByWechat:
    """``sms_possible`` tells whether there is another way should WeChat stay down."""

    openid: str = field(repr=False)
    content: WechatContent
    consent: Consent
    sms_possible: bool
    note: str

    channel = Channel.WECHAT


@dataclass(frozen=True, slots=True)
class BySms:
    phone: str = field(repr=False)
    template_id: str
    params: list[str]
    note: str

    channel = Channel.SMS


@dataclass(frozen=True, slots=True)
class NoWay:
    """``note`` says why each channel is closed; ``ours``: at least one of them for a fault of ours."""

    note: str
    ours: bool


Way = ByWechat | BySms | NoWay

# A template whose rendering breaks a limit: somebody has to write a better one.
_UNFIT = "does not fit"


class Channels:
    """Asks identity for the contact at every attempt: a number changed since then is the right one."""

    def __init__(
        self, recipients: Recipients, templates: TemplateStore, consents: ConsentStore, rules: NotificationRules
    ) -> None:
        self._recipients = recipients
        self._templates = templates
        self._consents = consents
        self._rules = rules
        # Versions never change, so they are read once a process.
        self._known: dict[tuple[str, int], Template] = {}

    async def choose(self, message: Message) -> Way:
        """The way for the next attempt. Raises LookupError when the message's template version is gone."""
        template = await self._template(message.template, message.template_version)
        contact = await self._recipients.contact(message.person)
        notes: list[str] = []
        sms = self._sms(message, template, contact, notes)
        patience = 1 if message.urgent else self._rules.wechat_attempts
        if sms is not None and message.wechat_failures >= patience:
            return BySms(sms.phone, sms.template_id, sms.params, f"wechat failed {message.wechat_failures} times")
        wechat = await self._wechat(message, template, contact, notes, sms is not None)
        if wechat is not None:
            return wechat
        note = "; ".join(notes)
        return (
            NoWay(note, message.ours or _UNFIT in note)
            if sms is None
            else BySms(sms.phone, sms.template_id, sms.params, note)
        )

    async def _template(self, code: str, version: int) -> Template:
        template = self._known.get((code, version))
        if template is None:
            template = await self._templates.version(code, version)
            if template is None:
                raise LookupError(f"no template {code}/{version}")
            self._known[code, version] = template
        return template

    async def _wechat(
        self, message: Message, template: Template, contact: Contact, notes: list[str], sms_possible: bool
    ) -> ByWechat | None:
        part = template.wechat
        if part is None or Channel.WECHAT in message.closed:
            notes.append("wechat: no template" if part is None else "wechat: refused this message")
            return None
        if contact.openid is None:
            notes.append("wechat: no openid")
            return None
        consent = await self._consents.get(message.person, part.template_id)
        if consent is None or not consent.open:
            notes.append("wechat: no consent")
            return None
        try:
            content = render_wechat(part, message.values)
        except DoesNotFit as error:
            # 47003 refuses the whole message for one field: it goes another way instead.
            notes.append(f"wechat {_UNFIT}: {error}")
            return None
        note = f"shortened: {', '.join(content.shortened)}" if content.shortened else ""
        return ByWechat(contact.openid, content, consent, sms_possible, note)

    def _sms(self, message: Message, template: Template, contact: Contact, notes: list[str]) -> BySms | None:
        part = template.sms
        if part is None or Channel.SMS in message.closed:
            notes.append("sms: no template" if part is None else "sms: refused this message")
            return None
        try:
            phone = None if contact.phone is None else e164(contact.phone)
        except PhoneFormatError:
            notes.append("sms: not a mainland mobile number")
            return None
        if phone is None:
            notes.append("sms: no phone")
            return None
        try:
            params = render_sms(part, message.values, self._rules.sms_param_length)
        except DoesNotFit as error:
            notes.append(f"sms {_UNFIT}: {error}")
            return None
        return BySms(phone, part.template_id, params, "")
