"""Lines of a bill by the fees of an item: officers say how many, the amounts are the item's version's."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.errors import InvalidInput
from services.catalogue.model import ItemContent
from services.payments.model import BillLine


def fee_lines(content: ItemContent, quantities: Mapping[str, int]) -> list[BillLine]:
    """Raises InvalidInput for a fee that the item does not have, with those that it has."""
    fees = {fee.name: fee for fee in content.fees}
    if unknown := sorted(set(quantities) - set(fees)):
        raise InvalidInput(
            detail="这个事项没有这项收费，请从事项的收费项目中选择。", field="$.quantities",
            reason="not a fee of this item", names=unknown, fees=sorted(fees),
        )  # fmt: skip
    return [
        BillLine(name=name, amount_fen=fees[name].amount_fen, quantity=quantity)
        for name, quantity in quantities.items()
    ]
