"""The DNS records a server needs, and how they are written in a zone file.

Strategy: `wanted` says what is to be published, as values; `bind` writes it for a zone file, `published` compares it
with what the world sees. Required is what mail does not come, or is not believed, without: the exchanger, its
addresses, the key that other servers can read. The rest makes attacks harder and set-up easier.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Literal

from shared.policy.mta_sts import policy_id, write

if TYPE_CHECKING:
    from shared.storage.operator import DkimRecord

TTL = 3600  # seconds
MAX_STRING = 255  # octets of one string in a TXT record (RFC 1035 §3.3)
ISSUER = "letsencrypt.org"

Need = Literal["required", "recommended"]
Addresses = Sequence[IPv4Address | IPv6Address]


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish for `subject`, a domain or the host; hosts in `value` end in a dot, a text is not quoted.

    An empty `value` is one we do not know.
    """

    subject: str
    name: str
    kind: str
    value: str
    need: Need


def wanted(
    hostname: str,
    domains: Collection[str],
    addresses: Addresses,
    keys: Sequence["DkimRecord"],
    ports: Mapping[str, int],
) -> list[Record]:
    """Return all records of a server; `ports` are those of `submission`, `submissions`, `imap` and `imaps`."""
    records = _host(hostname, addresses)
    for domain in domains:
        records += _mail(domain, hostname) + [_key(domain, key) for key in keys if key.domain == domain]
        records += _promises(domain, hostname) + _service(domain, hostname, ports)
    if not any(hostname == domain or hostname.endswith(f".{domain}") for domain in domains):
        records.append(_issuer(hostname))
    return records


def bind(records: Sequence[Record]) -> str:
    """Write records as lines of a zone file, by whom they speak for and how much they are needed."""
    lines = []
    for subject in dict.fromkeys(record.subject for record in records):
        for need in ("required", "recommended"):
            group = [record for record in records if (record.subject, record.need) == (subject, need)]
            if group:
                lines += ["", f"; {subject}: {need}", *map(_line, group)]
    return "\n".join(lines[1:])


def _host(hostname: str, addresses: Addresses) -> list[Record]:
    records = [
        Record(hostname, hostname, "A" if ip.version == 4 else "AAAA", str(ip), "required") for ip in addresses
    ] or [Record(hostname, hostname, "A", "", "required")]
    return records + [Record(hostname, ip.reverse_pointer, "PTR", f"{hostname}.", "recommended") for ip in addresses]


def _mail(domain: str, hostname: str) -> list[Record]:
    return [
        Record(domain, domain, "MX", f"10 {hostname}.", "required"),
        Record(domain, domain, "TXT", "v=spf1 mx -all", "recommended"),
        Record(domain, f"_dmarc.{domain}", "TXT", "v=DMARC1; p=reject; adkim=s; aspf=s", "recommended"),
    ]


def _key(domain: str, key: "DkimRecord") -> Record:
    # Many servers cannot read Ed25519 yet; they go by the RSA signature beside it (RFC 8463 §5).
    need: Need = "recommended" if "k=ed25519" in key.record else "required"
    return Record(domain, f"{key.selector}._domainkey.{domain}", "TXT", key.record, need)


def _promises(domain: str, hostname: str) -> list[Record]:
    """TLS on the way to us, and who may vouch for our names (RFC 8461, 8460, 8659)."""
    report = f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"
    return [
        Record(domain, f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={policy_id(write(hostname))};", "recommended"),
        Record(domain, f"mta-sts.{domain}", "CNAME", f"{hostname}.", "recommended"),
        Record(domain, f"_smtp._tls.{domain}", "TXT", report, "recommended"),
        _issuer(domain),
    ]


def _service(domain: str, hostname: str, ports: Mapping[str, int]) -> list[Record]:
    """Where mail programs find us (RFC 6186, RFC 8314 §5.1)."""
    services = [
        Record(domain, f"_{service}._tcp.{domain}", "SRV", f"0 1 {port} {hostname}.", "recommended")
        for service, port in ports.items()
    ]
    return [*services, Record(domain, f"autoconfig.{domain}", "CNAME", f"{hostname}.", "recommended")]


def _issuer(name: str) -> Record:
    return Record(name, name, "CAA", f'0 issue "{ISSUER}"', "recommended")


def _line(record: Record) -> str:
    if record.kind == "PTR":  # in the zone of the address, which is its owner's
        return f"; for whoever gave you the address: {record.name}. {TTL} IN PTR {record.value}"
    if not record.value:
        return f"; {record.name}. {TTL} IN A …: the public address of this server, and AAAA for IPv6"
    value = _quoted(record.value) if record.kind == "TXT" else record.value
    return f"{record.name}. {TTL} IN {record.kind} {value}"


def _quoted(text: str) -> str:
    strings = [text[start : start + MAX_STRING] for start in range(0, len(text), MAX_STRING)]
    return " ".join('"' + string.replace("\\", "\\\\").replace('"', '\\"') + '"' for string in strings)
