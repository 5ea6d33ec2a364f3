"""Handles the client certificates of workers, and the certificate authorities that a zone trusts for its origins.
Pulumi replaces such a resource to change it."""

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


class CustomOriginTrustStore(Scoped):
    resource = pulumi_cloudflare.CustomOriginTrustStore
    emulated = frozenset({"zoneId", "certificate"})
    replace_on = emulated
    scope = "zoneId"

    @property
    def _api(self) -> Any:
        return self._clients().acm.custom_trust_store
