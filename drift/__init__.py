"""Compares the resources of a stack on AWS, Google Cloud and Cloudflare with the resources in the stack's Pulumi state.

`pulumi preview --refresh` reads only resources that the state contains. If the Pulumi engine is killed during an
update, the accounts can hold new resources that are missing from the state. Such resources cost money, and no Pulumi
command lists them.
"""

from __future__ import annotations


class DriftError(Exception):
    """Raised when the cloud accounts cannot be compared with the Pulumi state, or when a `pulumi` command fails. The
    message names the cause, such as an API token that is not set.
    """
