"""Tests the metadata repository's contract on DynamoDB, and on PostgreSQL, which takes the place of Spanner."""

from __future__ import annotations

from tests.support.metadata import database, postgres, repository
from tests.support.metadata_contract import MetadataContract

__all__ = ["database", "postgres", "repository"]


class TestMetadata(MetadataContract):
    pass
