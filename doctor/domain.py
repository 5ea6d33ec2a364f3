"""Checks the domain of the hostname that clients connect to. Public DNS must delegate the domain, or a registered
parent domain must exist. If the domain has CAA records, they must allow the certificate authorities of AWS and
Cloudflare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.exception
import dns.resolver

from doctor.finding import Finding

# If a domain has CAA records, AWS Certificate Manager issues certificates for it only if a record has one of these
# values (User Guide, "Certification Authority Authorization (CAA) record troubleshooting").
_AMAZON = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
# Cloudflare obtains certificates from several certificate authorities. These values of CAA records permit the
# authorities to issue certificates for a domain (Cloudflare, "Certificate authorities").
_CLOUDFLARE = frozenset({"letsencrypt.org", "pki.goog", "ssl.com"})

# A function that returns the values of all DNS records with a given name and record type.
Lookup = Callable[[str, str], list[str]]


def public_dns(name: str, kind: str) -> list[str]:
    """Returns the values of all DNS records with the given name and type, from this machine's resolver.

    Raises dns.exception.DNSException if the resolver does not answer.
    """
    try:
        return [record.to_text() for record in dns.resolver.resolve(name, kind)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def check(domain: str, lookup: Lookup = public_dns) -> Iterator[Finding]:
    """Checks the domain of the hostname that clients connect to, and yields a finding for each check."""
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
    """Yields findings (results of checks) about the CAA records of `domain`, which contains the hostname that clients
    connect to.

    If the domain has no CAA records, the CAA records of its closest parent domain with such records apply (RFC 8659,
    section 3).
    """
    for name in (domain, *_parents(domain)):
        records = [record.split() for record in lookup(name, "CAA")]
        if not records:
            continue
        # AWS Certificate Manager issues the certificate of the shields, which is for a wildcard. Records with the tag
        # `issuewild` take precedence for a wildcard (RFC 8659, section 4.3).
        tag = "issuewild" if any(words[1] == "issuewild" for words in records) else "issue"
        for who, kind, accepted in (("AWS Certificate Manager", tag, _AMAZON), ("Cloudflare", "issue", _CLOUDFLARE)):
            issuers = {words[2].strip('"').split(";")[0].strip() for words in records if words[1] == kind}
            if not issuers:
                continue
            if issuers & accepted:
                yield Finding(f"CAA records of {name}", f"{who} may issue certificates")
            else:
                fix = f'add a record to {name}: CAA 0 {kind} "{sorted(accepted)[0]}"'
                yield Finding(f"CAA records of {name}", f"{who} may not issue certificates", fix)
        return


def _parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    return (".".join(labels[number:]) for number in range(1, len(labels)))
