"""The data keys of payments."""

from __future__ import annotations

from typing import Final

from services.identity.encryption import DataKey

HOLDER: Final = DataKey("accounts.holder")
# Over all that a receipt says of its payment, which is unique: equal bytes tell nothing.
RECEIPT: Final = DataKey("receipts.code", lookup=True)

PAYMENT_KEYS: Final = (HOLDER, RECEIPT)
