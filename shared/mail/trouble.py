"""Our own trouble, in words that say whether trying again can help (design §4.5)."""


class Unavailable(Exception):
    """The store is away, overloaded or too slow: transient, and never the client's fault."""


class NoSpace(Unavailable):
    """The disk is full: reading and deleting still work."""
