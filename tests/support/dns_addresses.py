"""Asks the DNS server of a sandbox (emulated clouds) for addresses."""

from __future__ import annotations

from emulation.dns import client
from emulation.dns.answers import addresses_in
from emulation.layout import ClientLocation, Sandbox


def addresses_for(sandbox: Sandbox, name: str, seen_from: ClientLocation) -> list[str]:
    """Returns the IPv4 addresses of `name` in the DNS answer to a client at the location `seen_from`."""
    return addresses_in(client.send_query(sandbox, client.question(name, "A", seen_from)).answer)
