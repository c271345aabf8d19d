"""Who calls: residents with their assurance level, and staff accounts (``identity.staff``).

Personal data (openid, unionid, phone, name, ID number) are stored encrypted, each kind under a data key of its own
(``encryption.py``); they leave this capability masked (``queries.profile``), and in clear only for the delivery of
messages (``queries.contact``). Tokens are stored as their SHA-256.
"""
