"""Compares what the accounts hold under a stack's tags with what the stack's state knows.

`pulumi preview --refresh` asks the clouds only about resources that the state knows. An engine that was killed leaves
resources that the state does not know, and these run and cost money unseen.
"""

from __future__ import annotations


class DriftError(Exception):
    """The comparison cannot be made. The message names what is missing and how to get it."""
