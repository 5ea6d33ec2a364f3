"""Tests how the benchmark of prefetching counts repeated requests for the same object at a shield cache."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.bench.shield_requests import COLUMNS, Breakdown, breakdown, is_document
from tests.support.sandbox.shields import ShieldRequest

_START = datetime(2026, 11, 28, tzinfo=UTC)


def request(key: str, second: int, status: int = 200) -> ShieldRequest:
    return ShieldRequest(key, _START + timedelta(seconds=second), status)


def test_each_request_after_the_first_one_for_an_object_counts_as_one_again() -> None:
    # The arguments of `request` are an object key, and the second at which the request starts. The log lists requests
    # in the order in which they end.
    requests = [request("b", 9, 304), request("a", 0), request("b", 1), request("b", 29, 304), request("c", 3)]
    found = breakdown([*requests, request("c", 4), request("d", 5, 404), request("d", 5, 404)], {"a", "b", "d"})
    assert found == Breakdown(
        requests=8, objects=4, unwanted=1, twice=2, more=1, validated=2, absent=1, in_full=1, at_once=2, seconds=4.5
    )
    assert found.again == found.requests - found.objects
    assert len(found.cells()) == len(COLUMNS)


def test_an_install_without_repeated_requests_has_none() -> None:
    found = breakdown([request("a", 0)], {"a"})
    assert (found.again, found.at_once, found.seconds) == (0, 0, 0.0)
    assert breakdown([], ()).requests == 0


def test_documents_are_the_objects_that_change() -> None:
    documents = [
        "npm/a/packument.json",
        "npm/@b/c/packument.abbreviated.json",
        "pypi/simple/a/index.html",
        "oci/tags/a/b/1",
    ]
    files = ["npm/a/-/a-1.0.0.tgz", "pypi/files/a/a-1-py3-none-any.whl.metadata", "oci/manifests/a/b/sha256/00"]
    assert [is_document(key) for key in (*documents, *files)] == [True] * 4 + [False] * 3
