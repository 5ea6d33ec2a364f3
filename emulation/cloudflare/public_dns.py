"""Resolves names in public DNS for the emulated Cloudflare. In a sandbox, the public zones of the emulated Route 53 are
the public DNS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulation.dns.route53 import Route53


class PublicDns:
    """Looks names up in the emulated Route 53, which takes the place of public DNS. A call returns the values of the
    records that a name has for one record type. It returns an empty list if the name has no such records, or if Route
    53 does not answer. Without an `aws_url`, look-ups use the Route 53 that moto emulates in this process.
    """

    def __init__(self, aws_url: str | None = None) -> None:
        self._route53 = Route53(aws_url)

    def __call__(self, name: str, type: str) -> Sequence[str]:
        try:
            zones = self._route53.read().zones
        except (BotoCoreError, ClientError):
            return []
        return [
            _text(value["Value"])
            for _, records in zones
            for record in records
            if record["Type"] == type and record["Name"].rstrip(".") == name
            for value in _values(record)
        ]


def _values(record: Any) -> Sequence[Any]:
    return record.get("ResourceRecords") or []


def _text(value: str) -> str:
    """Returns the value of a DNS record. Removes the quotes around the text of a TXT record, and the final dot of a DNS
    name.
    """
    return value.strip('"').rstrip(".")
