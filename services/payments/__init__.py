"""Bills, their payment through WeChat Pay, refunds, and the double-entry ledger of all that moved."""
