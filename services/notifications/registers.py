"""What has to be registered outside before a template can be sent: WeChat's template list and the operator's SMS texts.

The same lists configure the simulators, in the form that their ``--templates`` and ``--sms-templates`` files have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.notifications.model import TemplateContent


def wechat_register(templates: Iterable[TemplateContent]) -> list[dict[str, Any]]:
    """``[{id, title, kind, fields: {"thing1": "thing"}}]``, each template id once (several messages may share one)."""
    found: dict[str, dict[str, Any]] = {}
    for template in templates:
        if (part := template.wechat) is not None:
            entry = {"id": part.template_id, "title": template.title, "kind": part.kind.value}
            fields = {key: field.kind for key, field in part.fields.items()}
            found.setdefault(part.template_id, entry | {"fields": fields})
    return list(found.values())


def sms_register(templates: Iterable[TemplateContent]) -> list[dict[str, Any]]:
    """``[{id, text}]`` with {1}, {2} … in the text."""
    return [{"id": t.sms.template_id, "text": t.sms.text} for t in templates if t.sms is not None]
