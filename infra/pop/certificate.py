"""The public certificate that PoP machines present to clients. It is valid for the hostname that clients connect to."""

from __future__ import annotations

import pulumi

from infra.machines.certificate import MachineCertificate, MachineCertificateArgs


class PopCertificate(MachineCertificate):
    """The TLS certificate of all PoP machines, which is valid only for the hostname that clients connect to."""

    def __init__(self, name: str, args: MachineCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:PopCertificate", name, args, opts)
