"""Checks the clients' domain in public DNS: whether it can be delegated, and who may issue its certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.exception
import dns.resolver

from doctor.finding import Finding

# The values of CAA records with which AWS Certificate Manager issues certificates (User Guide, "Certification Authority
# Authorization (CAA) record troubleshooting").
_AMAZON = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
# The authorities from which Cloudflare obtains certificates (Cloudflare, "Certificate authorities").
_CLOUDFLARE = frozenset({"letsencrypt.org", "pki.goog", "ssl.com"})

# Returns the texts of the records of a type at a name; no texts when there are none.
Lookup = Callable[[str, str], list[str]]


def public_dns(name: str, kind: str) -> list[str]:
    """Returns the records of a name as the machine's resolver sees them. Raises dns.exception.DNSException."""
    try:
        return [record.to_text() for record in dns.resolver.resolve(name, kind)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def check(domain: str, lookup: Lookup = public_dns) -> Iterator[Finding]:
    """Yields findings about the domain of the clients' hostname."""
    try:
        yield from _delegation(domain, lookup)
        yield from _issuers(domain, lookup)
    except dns.exception.DNSException as error:
        fix = "let this machine reach a DNS resolver, and try again"
        yield Finding(f"domain {domain}", f"public DNS does not answer: {' '.join(str(error).split())}", fix)


def _delegation(domain: str, lookup: Lookup) -> Iterator[Finding]:
    servers = sorted(name.rstrip(".").lower() for name in lookup(domain, "NS"))
    if servers:
        yield Finding(f"domain {domain}", f"is delegated to {', '.join(servers)}; Route 53 must be among its owners")
        return
    parent = next((each for each in _parents(domain) if lookup(each, "SOA")), "")
    if parent.count(".") < 1:
        fix = "register the domain, or use a domain of yours in artifact-edge:domain"
        yield Finding(f"domain {domain}", "no domain above it is registered", fix)
        return
    yield Finding(f"domain {domain}", f"is not delegated yet; `pulumi up` prints the name servers to add to {parent}")


def _issuers(domain: str, lookup: Lookup) -> Iterator[Finding]:
    """Yields findings about CAA records. Those of the closest name that has any count (RFC 8659, section 3)."""
    for name in (domain, *_parents(domain)):
        records = [record.split() for record in lookup(name, "CAA")]
        issuers = {words[2].strip('"').split(";")[0].strip() for words in records if words[1] == "issue"}
        if not issuers:
            continue
        for who, accepted in (("AWS Certificate Manager", _AMAZON), ("Cloudflare", _CLOUDFLARE)):
            if issuers & accepted:
                yield Finding(f"CAA records of {name}", f"{who} may issue certificates")
            else:
                fix = f'add a record to {name}: CAA 0 issue "{sorted(accepted)[0]}"'
                yield Finding(f"CAA records of {name}", f"{who} may not issue certificates", fix)
        return


def _parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    return (".".join(labels[number:]) for number in range(1, len(labels)))
