"""The public certificate that shield machines (regional caches) present to the edge.

A worker on Cloudflare trusts only public certificate authorities (docs/decisions/shield-certificates.md).
"""

from __future__ import annotations

import pulumi

from infra.machines.certificate import MachineCertificate, MachineCertificateArgs


class ShieldCertificate(MachineCertificate):
    """The TLS certificate of all shield machines (regional caches), which is valid for the names of shields only."""

    def __init__(self, name: str, args: MachineCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:shield:ShieldCertificate", name, args, opts)
