"""The simulated exchange: Alpaca's REST and websockets on loopback, in a process of its own.

It shares no noun with the desk on purpose: the two meet only on the wire, so that a mistake in
one is not silently repeated by the other.
"""
