"""Provides a stub of the edge component for tests of DNS records. It has a hostname and its validation records."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.edge import ValidationRecord

HOSTNAME = "packages.artifact-edge.test"


class EdgeOnCloudflare:
    """Replaces the edge component in tests of DNS. Unlike the real component, it does not wait until the edge serves
    the host name.
    """

    target = "test.zone.test"
    validation_records = (
        ValidationRecord("edge-ownership", f"_cf-custom-hostname.{HOSTNAME}", "TXT", "proof"),
        ValidationRecord("edge-certificate", f"_acme-challenge.{HOSTNAME}", "CNAME", "x.dcv.cloudflare.com"),
    )

    def activated_by(
        self, records: Sequence[pulumi.Resource], name_servers: pulumi.Input[Sequence[str]]
    ) -> pulumi.Output[Sequence[pulumi.Resource]]:
        return pulumi.Output.from_input(records)
