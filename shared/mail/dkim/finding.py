"""What can be found out about one signature."""

from enum import StrEnum


class Finding(StrEnum):
    """Whether a signature holds, or the first reason why it does not."""

    VALID = "valid"
    MALFORMED = "malformed"  # the field, or the message around it, is not what the RFC describes
    AMBIGUOUS = "ambiguous"  # a field that may come once comes twice: the signer may have meant another
    PARTIAL = "partial"  # l=: anybody may append to the body
    WEAK = "weak"  # rsa-sha1, an unknown algorithm, or a key size nobody should trust
    NO_FROM = "no-from"  # From is not among the signed fields
    FOREIGN_IDENTITY = "foreign-identity"  # i= is not below d=
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from-the-future"
    BAD_KEY = "bad-key"
    REVOKED = "revoked"  # an empty p=
    TESTING = "testing"  # t=y: to be treated as unsigned
    NOT_FOR_THIS = "not-for-this"  # the key is for another algorithm, hash, service or identity
    ALTERED = "altered"  # header fields or signature changed, or made with another key
    ALTERED_BODY = "altered-body"
