"""WeChat Pay's daily bill against our orders and refunds, to the fen."""
