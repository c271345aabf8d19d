"""Ideas without I/O: clock, working days, ids, errors, state machines, money, masking, identifiers.

Imports only the standard library. Everything else may import it.
"""
