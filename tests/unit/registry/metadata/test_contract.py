"""Tests the metadata repository's contract on DynamoDB and on PostgreSQL. In these tests, PostgreSQL takes the place of
Spanner.
"""

from __future__ import annotations

from tests.support.metadata import database, postgres, repository
from tests.support.metadata_contract import MetadataContract

__all__ = ["database", "postgres", "repository"]


class TestMetadata(MetadataContract):
    pass
