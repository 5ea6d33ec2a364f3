"""Provides the metadata repository on DynamoDB and on Spanner, with the tables that `infra/metadata` declares.

The library moto emulates DynamoDB, and a real PostgreSQL server emulates Spanner.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from emulation.providers.aws import handlers
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.metadata.spanner import SCHEMA, statements
from registry.metadata import Repository
from registry.metadata.dynamodb import DynamoDbRepository
from registry.metadata.spanner import SpannerRepository
from tests.support.harness import aws_account, deploy
from tests.support.postgres import USER, postgres

__all__ = ["postgres"]


class Clock:
    """A clock that returns a fixed time, in seconds since 1970. The time changes only when a test sets `now`."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["dynamodb", "spanner"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Repository, Clock]]:
    clock = Clock()
    if request.param == "dynamodb":
        with aws_account():
            args = MetadataArgs(prefix="unit", regions=["us-east-1"], protect=False)
            deploy(lambda: DynamoDbMetadata("metadata", args), handlers())
            yield DynamoDbRepository("unit-metadata", "us-east-1", clock=clock), clock
        return
    socket: Path = request.getfixturevalue("postgres")
    monkeypatch.setenv("PGHOST", str(socket))
    monkeypatch.setenv("PGUSER", USER)
    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS metadata")
        admin.execute("CREATE DATABASE metadata")
    with psycopg.connect(dbname="metadata", autocommit=True) as admin:
        for statement in statements(SCHEMA.read_text()):
            admin.execute(statement.encode())
    repository = SpannerRepository("metadata", clock=clock)
    yield repository, clock
    repository.close()


@pytest.fixture
def repository(database: tuple[Repository, Clock]) -> Repository:
    return database[0]


def names(repository: Repository, partition: str, **more: str) -> list[str]:
    return [item.name for item in repository.items(partition, **more)]


def version_of(repository: Repository, partition: str, name: str) -> int:
    item = repository.item(partition, name)
    assert item is not None
    return item.version
