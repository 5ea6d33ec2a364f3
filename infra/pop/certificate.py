"""The public certificate of the clients' hostname, which PoP machines present to clients."""

from __future__ import annotations

import pulumi

from infra.machines.certificate import MachineCertificate, MachineCertificateArgs


class PopCertificate(MachineCertificate):
    """The TLS certificate of all PoP machines, which is valid for the clients' hostname only."""

    def __init__(self, name: str, args: MachineCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:PopCertificate", name, args, opts)
