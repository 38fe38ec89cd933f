"""What keeps the suite from starting, and what keeps a command from being done."""


class Trouble(Exception):
    """The text is for the operator: the cause, and what helps."""
