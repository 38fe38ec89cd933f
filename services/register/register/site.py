"""What the pages say of this server: values an operator chose, and how they are put into words."""

from dataclasses import dataclass, replace

from register.links import Server
from shared.policy.accounts import Rules

MB = 1_000_000
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Site:
    """The server, its rules and its promises; sizes in octets, ages in days.

    `contact` may be empty, and so may `push_host`, who wakes phones.
    """

    server: Server
    rules: Rules
    retention_days: int
    large_retention_days: int
    inactive_days: int
    quota: int
    max_message_size: int
    retry_hours: float
    push_host: str = ""
    contact: str = ""

    @property
    def name(self) -> str:
        """The domain as people say it: an address literal without its brackets."""
        return self.server.domain.removeprefix("[IPv6:").removeprefix("[").removesuffix("]")

    def at(self, host: str) -> "Site":
        """Return the site as seen by a visitor of this host: that of a further domain of ours, or else the usual one.

        A Host header may be forged, so it chooses among our domains and is not shown.
        """
        domain = host.lower().partition(":")[0].removeprefix("autoconfig.")
        is_usual = domain in (self.server.domain, self.server.hostname) or domain not in self.rules.domains
        return self if is_usual else replace(self, server=self.server.at(domain))

    @property
    def contact_link(self) -> str:
        """Where a click on the contact goes, or nothing: an operator's words are no place to run a script from."""
        return self.contact if self.contact.startswith(("https://", "mailto:")) else ""


def size_in_words(octets: int) -> str:
    """Say a size in the unit it was chosen in, never more than it is."""
    count = octets // MIB if octets % MIB == 0 else octets // MB
    if not count:
        return f"{octets // 1000} kB"
    return f"{count / 1000:g} GB" if count >= 1000 else f"{count} MB"


def hours_in_words(hours: float) -> str:
    """Say how long something is tried, in days where it is whole days."""
    if hours % 24 == 0:
        return days_in_words(int(hours) // 24)
    return f"{hours:g} hour" if hours == 1 else f"{hours:g} hours"


def days_in_words(days: int) -> str:
    """Say an age."""
    return "1 day" if days == 1 else f"{days} days"
