"""Stand-ins of the outside world: real HTTP servers that verify what the real ones verify, and misbehave when told to.

The demo and the tests use the same ones. They keep their state in memory and import nothing of the product but its
kernel, so that a mistake in a gateway cannot hide in its simulator.
"""
