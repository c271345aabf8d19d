"""When to send, how often to try, and what the SMS limits mean: pure rules, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from kernel.clock import SHANGHAI, local_day, local_instant

# Waits after a send that certainly did not happen. The first retry is at once and the ceiling is 300 s, as in GOV.UK
# Notify (alphagov/notifications-api, app/celery/provider_tasks.py: deliver_sms retries with countdown=0 first, then
# default_retry_delay=300; deliver_letter grows up to retry_backoff_max=300). The steps between the two are ours.
RETRY_WAITS: Final = tuple(timedelta(seconds=s) for s in (0, 5, 15, 60, 120, 300))

# 76 retries on the table above: 200 s of growing waits, then 71 x 300 s, about six hours. (Notify: 48, about four.)
MAX_ATTEMPTS: Final = 77


@dataclass(frozen=True, slots=True)
class NotificationRules:
    """What the city may set. Times of day are Shanghai's; ``quiet_from`` may be later than ``quiet_until``.

    ``lease`` is how long one send may take before it counts as lost: longer than the gateways' time-outs together
    (WeChat: token 4 x 5 s, send 2 x 5 s). ``wechat_attempts`` is after how many failures a message goes by SMS instead
    (an urgent one after the first). ``sms_param_length`` is the most characters one SMS parameter may have: the
    account's own, shown in the operator's console (变量规范: as few as 6 for new accounts).
    """

    quiet_from: time = time(21, 0)
    quiet_until: time = time(8, 0)
    max_attempts: int = MAX_ATTEMPTS
    wechat_attempts: int = 3
    lease: timedelta = timedelta(seconds=60)
    sms_param_length: int = 20
    # The sends of one process that run at the same time.
    parallel_sends: int = 20

    def is_quiet(self, instant: datetime) -> bool:
        """Whether a message that is not urgent has to wait at this instant."""
        at = instant.astimezone(SHANGHAI).time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= at < self.quiet_until
        return at >= self.quiet_from or at < self.quiet_until

    def after_quiet(self, instant: datetime) -> datetime:
        """The instant itself, or the end of the quiet hours it falls into."""
        if not self.is_quiet(instant):
            return instant
        day = local_day(instant)
        end = local_instant(day, self.quiet_until)
        return end if end > instant else local_instant(day + timedelta(days=1), self.quiet_until)


def retry_wait(failures: int) -> timedelta:
    """How long to wait after the ``failures``-th failure in a row (1 is the first)."""
    return RETRY_WAITS[min(failures, len(RETRY_WAITS)) - 1]


# Final refusals of an SMS that are nobody's fault: the number has had its share for the day, or is no number any more.
# The message stays in the inbox ("tomorrow" is too late for an appointment). Every other final refusal (sign, template,
# parameters) is ours to mend and makes the message fail visibly. The shorter limits (30 s, one hour) and an empty SMS
# package come from the gateway as "retry later". Source: Tencent Cloud SMS, "SendSms 错误码".
SMS_NOBODYS_FAULT: Final = frozenset(
    {
        "LimitExceeded.PhoneNumberDailyLimit",
        "LimitExceeded.PhoneNumberSameContentDailyLimit",
        "InvalidParameterValue.IncorrectPhoneNumber",
        "InvalidParameterValue.ProhibitPhoneNumber",
        "isv.BUSINESS_LIMIT_CONTROL",
        "isv.DAY_LIMIT_CONTROL",
        "isv.MOBILE_NUMBER_ILLEGAL",
    }
)

# WeChat busy for longer than this (its daily quota, 45009: an hour): the message goes by SMS where it can.
LONGEST_WECHAT_WAIT: Final = RETRY_WAITS[-1]
