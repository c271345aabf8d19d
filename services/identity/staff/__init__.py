"""Staff accounts: roles, passwords, sign-in with lock-out, sessions with an idle and an absolute limit, audit.

What it must do is in GB/T 22239-2019 (等级保护三级), 8.1.4.1 to 8.1.4.3 and 8.1.5: own accounts, lock-out, time-out,
least privilege, every use recorded, administrators and auditors apart.
"""
