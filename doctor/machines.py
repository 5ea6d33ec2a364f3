"""Counts the machines that a stack has in each region of a cloud."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from stacks.config import Stack


def machines_in_regions(stack: Stack, cloud: Literal["aws", "gcp"]) -> dict[str, Counter[str]]:
    """Returns a mapping from each region of a cloud to the number of machines of each type that the stack has there."""
    found: dict[str, Counter[str]] = {}
    for machines in [*stack.config.shields, *stack.config.pops]:
        if machines.cloud == cloud:
            found.setdefault(machines.region, Counter())[machines.machine_type] += machines.nodes
    return found
