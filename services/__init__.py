"""What the city does: one folder a capability. No HTTP, no environment, no Tornado.

Each capability has model.py (records), machine.py (states as data), actions.py (the only code that changes state),
queries.py (read views) and store.py (the only file that talks to MongoDB). Capabilities meet through actions and
queries.
"""
