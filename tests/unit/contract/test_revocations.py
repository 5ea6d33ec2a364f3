"""Tests the encoding of recent token revocations and object withdrawals. The metadata database contains these
encodings. So does the feed, a small document that the edge reads every 2 s.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.revocations import (
    WINDOW_SECONDS,
    MalformedChange,
    decode_change,
    feed_document,
    first_name,
    item_name,
    token_change,
    withdrawal,
)

NOW = 1_795_567_837.25
DIGEST = "ab" * 32


def test_the_document_has_the_latest_version_of_each_token_and_each_object_once() -> None:
    changes = [
        token_change(DIGEST, 8, revoked=False),
        withdrawal(["npm/a", "npm/b"]),
        token_change(DIGEST, 7, revoked=False),
        withdrawal(["npm/b"]),
    ]
    assert json.loads(feed_document(changes, NOW)) == {
        "version": 1,
        "read": NOW,
        "tokens": {DIGEST: {"revision": 8}},
        "objects": ["npm/a", "npm/b"],
    }


@pytest.mark.parametrize("order", [1, -1])
def test_a_revoked_token_stays_revoked_after_later_changes(order: int) -> None:
    changes = [token_change(DIGEST, 7, revoked=True), token_change(DIGEST, 8, revoked=False)]
    document = json.loads(feed_document(changes[::order], NOW))
    assert document["tokens"] == {DIGEST: {"revision": 8, "revoked": True}}


@pytest.mark.parametrize("age", [0, 1, WINDOW_SECONDS - 1])
def test_the_names_of_recent_changes_sort_after_the_first_name(age: float) -> None:
    assert item_name(NOW - age, "00") > first_name(NOW)


def test_the_name_of_an_old_change_sorts_before_the_first_name() -> None:
    assert item_name(NOW - WINDOW_SECONDS - 1, "ff") < first_name(NOW)


@pytest.mark.parametrize("change", [token_change(DIGEST, 8, revoked=True), withdrawal(["npm/a"]), withdrawal([])])
def test_a_stored_change_is_read_again(change: dict[str, Any]) -> None:
    assert decode_change(json.dumps(change)) == change


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "{}", '{"token":"x"}', '{"token":1,"version":1}', '{"objects":"npm/a"}', '{"objects":[1]}'],
)
def test_a_change_of_another_form_is_malformed(text: str | None) -> None:
    with pytest.raises(MalformedChange):
        decode_change(text)
