"""The contract of the metadata repository on DynamoDB, and on PostgreSQL in the place of Spanner."""

from __future__ import annotations

from tests.support.metadata import database, postgres, repository
from tests.support.metadata_contract import MetadataContract

__all__ = ["database", "postgres", "repository"]


class TestMetadata(MetadataContract):
    pass
