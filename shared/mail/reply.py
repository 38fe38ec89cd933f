"""SMTP replies as values, and every reply the suite speaks, each once (design §7).

A reply is chosen by policy and spoken by the SMTP session; IMAP and HTTP quote its text.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply: basic code (RFC 5321 §4.2), enhanced code (RFC 3463, may be empty), text."""

    code: int
    enhanced: str
    text: str

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    def line(self) -> bytes:
        """Return the reply as it goes on the wire."""
        words = f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"
        return words.encode("ascii") + b"\r\n"


# Success
OK = Reply(250, "2.0.0", "OK")
ACCEPTED = Reply(250, "2.0.0", "Accepted")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
BYE = Reply(221, "2.0.0", "Bye")
START_DATA = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")
AUTH_OK = Reply(235, "2.7.0", "Authentication successful")
HELP = Reply(214, "2.0.0", "See RFC 5321")
CANNOT_VRFY = Reply(252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery")

# The message
NOT_ENCRYPTED = Reply(523, "5.7.1", "Encryption Needed: Invalid Unencrypted Mail")  # Delta Chat matches these words
FORGED_FROM = Reply(500, "5.7.1", "Invalid FROM")
MALFORMED = Reply(554, "5.6.0", "Malformed message")
BARE_CR_LF = Reply(554, "5.6.0", "Malformed message: bare CR or LF, or NUL")
LINE_TOO_LONG = Reply(554, "5.6.0", "Malformed message: line longer than 998 octets")
TOO_LARGE = Reply(552, "5.3.4", "Message exceeds maximum size")
LOOP = Reply(554, "5.4.6", "Too many hops")

# Sender and recipients
FOREIGN_SENDER = Reply(553, "5.7.1", "Sender address is not yours")
ACCOUNT_CLOSED = Reply(550, "5.7.1", "This account is closed")
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
NO_SUCH_USER = Reply(550, "5.1.1", "User doesn't exist")
MAILBOX_FULL = Reply(552, "5.2.2", "Mailbox is full")
# It filled up between RCPT and the end of DATA: at the next try RCPT will say so for that recipient alone.
MAILBOX_JUST_FULL = Reply(452, "4.2.2", "Mailbox is full, try again later")
NOT_ASCII = Reply(553, "5.6.7", "Address is not ASCII, and SMTPUTF8 was not asked for")
DOMAIN_NOT_ASCII = Reply(553, "5.6.7", "Write the domain in its ASCII form")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TOO_FAST = Reply(450, "4.7.1", "Too much mail from this address, try again later")
TOO_MUCH_WAITING = Reply(450, "4.7.1", "Too much of your mail waits for other servers, try again later")
TOO_MANY_UNKNOWN = Reply(450, "4.7.1", "Too many unknown recipients, try again later")
RELAYING_DENIED = Reply(550, "5.7.1", "Relaying denied")
USE_SUBMISSION = Reply(501, "5.1.8", "Use Submission for outgoing SMTP")
CLOSED_DOMAIN = Reply(550, "5.7.1", "This server does not exchange mail with that domain")
REFUSED_DOMAIN = Reply(550, "5.7.1", "This server does not exchange mail with your domain")
TOO_MANY_AT_ONCE = Reply(554, "5.5.3", "Too many recipients in one request")
HIGH_LOAD = Reply(451, "4.4.5", "High load, try again later")

# Origin
NO_SIGNATURE = Reply(554, "5.7.1", "No DKIM signature found")
NO_VALID_SIGNATURE = Reply(554, "5.7.1", "No valid DKIM signature found")
FOREIGN_LITERAL = Reply(554, "5.7.1", "The author's address literal is not the address you speak from")
ORIGIN_UNKNOWN = Reply(451, "4.7.5", "Cannot verify the origin of this message now, try again later")
NO_WAY_BACK = Reply(550, "5.7.27", "The sender's domain takes no mail")  # RFC 7505 §4.2
SPF_FAILED = Reply(550, "5.7.23", "SPF validation failed")  # RFC 7372 §3.2
SPF_BROKEN = Reply(550, "5.7.24", "SPF validation error: the sender's record is broken")  # RFC 7372 §3.2
DMARC_OBJECTS = Reply(550, "5.7.1", "Refused by the DMARC policy of the author's domain")

# The dialogue
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "Command not recognised")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
BAD_SYNTAX = Reply(501, "5.5.4", "Syntax error in parameters")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognised or not implemented")
COMMAND_TOO_LONG = Reply(500, "5.5.2", "Line too long")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing")
OUT_OF_STEP = Reply(554, "5.5.0", "SMTP protocol synchronization error")
NOT_SMTP = Reply(554, "5.5.0", "This is an SMTP server, closing")
ALREADY_TLS = Reply(503, "5.5.1", "TLS already active")
NEED_TLS = Reply(530, "5.7.0", "Must issue a STARTTLS command first")

# Who you are
NEED_AUTH = Reply(530, "5.7.0", "Authentication required")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
BAD_MECHANISM = Reply(504, "5.5.4", "Unrecognized authentication type")
BAD_CREDENTIALS = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_SYNTAX = Reply(501, "5.5.2", "Cannot decode credentials")
AUTH_UNAVAILABLE = Reply(454, "4.7.0", "Temporary authentication failure")
AUTH_TOO_OFTEN = Reply(454, "4.7.0", "Too many attempts, try again later")

# Our own trouble
TROUBLE = Reply(451, "4.3.0", "Temporary server problem, try again later")
UNAVAILABLE = Reply(421, "4.3.2", "Service not available, try again later")
SHUTTING_DOWN = Reply(421, "4.3.2", "Service shutting down, try again")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections, try again later")
TOO_SLOW = Reply(421, "4.4.2", "Timeout, closing")
NO_SPACE = Reply(452, "4.3.1", "Insufficient system storage")
