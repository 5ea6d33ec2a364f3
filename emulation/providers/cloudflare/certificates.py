"""Creates, reads and deletes the mTLS client certificates that Cloudflare workers present to servers. If any input
changes, Pulumi replaces the certificate.
"""

from __future__ import annotations

from typing import Any

import pulumi_cloudflare

from emulation.providers.cloudflare.scoped import Scoped


class MtlsCertificate(Scoped):
    resource = pulumi_cloudflare.MtlsCertificate
    emulated = frozenset({"accountId", "ca", "certificates", "name", "privateKey"})
    replace_on = emulated
    scope = "accountId"

    @property
    def _api(self) -> Any:
        return self._clients().mtls_certificates
