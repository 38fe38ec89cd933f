"""What can go wrong with the store."""

from shared.mail.trouble import NoSpace, Unavailable

__all__ = ["NoSpace", "NotDurable", "Unavailable"]


class NotDurable(Exception):
    """The database is set so that a committed message could be lost; the service refuses to start."""
