"""Waits until Cloudflare serves the hostname that clients connect to, with a valid certificate.

The Pulumi resource CustomHostname is created as soon as Cloudflare has accepted the hostname. Validation and issuance
of the certificate take a few more minutes (Cloudflare for SaaS, "Hostname validation" and "Certificate statuses").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from infra.polling import Limit, wait_while_missing

_LIMIT_SECONDS = 30 * 60.0
# The states of a custom hostname in which Cloudflare answers requests for the hostname (Cloudflare for SaaS,
# "Validation status").
_SERVED = frozenset({"active", "active_redeploying"})


class EdgeActivationError(pulumi.RunError):
    """Raised when Cloudflare does not serve the hostname that clients connect to. The message names the hostname, its
    state, and what the operator can do.
    """


async def wait_until_active(zone_id: str, hostname_id: str, hostname: str, name_servers: Sequence[str]) -> None:
    """Waits until Cloudflare serves the hostname that clients connect to, and until the certificate of the hostname is
    active. In a preview, the function returns immediately and does not query Cloudflare.

    Raises EdgeActivationError after half an hour.
    """
    if pulumi.runtime.is_dry_run():
        return
    delegation = ", ".join(name_servers)

    def not_served(pending: str) -> EdgeActivationError:
        return EdgeActivationError(
            f"Cloudflare does not serve {hostname} yet: {pending}. Check that the domain is delegated to {delegation}, "
            f"then run `pulumi up` again; it goes on from here"
        )

    def announcement(pending: str) -> str:
        return (
            f"{hostname}: waiting until Cloudflare has validated the name and issued a certificate ({pending}). This "
            f"takes some minutes; `pulumi up` stops after {_LIMIT_SECONDS / 60:.0f}. If the domain is new, delegate it "
            f"now, at its registrar or parent zone, to {delegation}"
        )

    await wait_while_missing(lambda: _pending(zone_id, hostname_id), announcement, Limit(_LIMIT_SECONDS, not_served))


async def _pending(zone_id: str, hostname_id: str) -> str:
    """Returns the reason why Cloudflare does not yet serve the hostname that clients connect to. Returns an empty
    string when Cloudflare serves the hostname.
    """
    output = cloudflare.get_custom_hostname_output(zone_id=zone_id, custom_hostname_id=hostname_id)
    found = await output.future()
    if found is None:
        return "its state is not known"
    ssl: Any = found.ssl
    certificate: str = ssl.status if ssl else "missing"
    if found.status in _SERVED and certificate == "active":
        return ""
    reasons = "; ".join(found.verification_errors or ())
    return f"hostname {found.status}, certificate {certificate}{f': {reasons}' if reasons else ''}"
