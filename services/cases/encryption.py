"""The data keys of cases, and what is encrypted with each."""

from __future__ import annotations

from typing import Final

from services.identity.encryption import DataKey

PARTY: Final = DataKey("cases.party")
ANSWERS: Final = DataKey("cases.answers")
ADDRESS: Final = DataKey("cases.address")
# Over number, query code and last four together: unique to its case, so equal bytes tell nothing about people.
PROOF: Final = DataKey("cases.proof", lookup=True)

CASE_KEYS: Final = (PARTY, ANSWERS, ADDRESS, PROOF)
