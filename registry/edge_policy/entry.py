"""Writes an entry in Workers KV with the digests of the latest edge policies and advisory data sets.

The edge worker reads this entry if the metadata API does not answer.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from contract import advisories
from contract.edge_policies import CURRENT, ENTRY, PARTITION, encode_entry
from registry import RegistryError
from registry.cloudflare.api import CloudflareError
from registry.target import Target


def update(target: Target) -> str:
    """Writes the digests of the latest edge policies and advisory data sets to one entry in Workers KV. The edge reads
    this entry if the metadata API does not answer.

    Returns the reason for a failure, or an empty string after success. A failure raises no error, because the database
    already has the new digests. If the digests in the database change during the write, writes the entry again.
    """
    written = b""
    try:
        while (entry := _entry(target)) != written:
            target.edge.write_entry(ENTRY, entry)
            written = entry
    except (CloudflareError, RegistryError, BotoCoreError, ClientError) as error:
        return str(error)
    return ""


def _entry(target: Target) -> bytes:
    policies = target.repository.item(PARTITION, CURRENT)
    data_sets = target.repository.item(PARTITION, advisories.CURRENT)
    return encode_entry(
        policies.document["policies"] if policies else (), data_sets.document["advisories"] if data_sets else ()
    )
