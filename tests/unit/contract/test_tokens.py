"""Tests that every form of a token record (document, database, entry in Workers KV) contains every field of a token.
Fields that developers add later are included.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.tokens import (
    Entitlement,
    Entry,
    MalformedRecord,
    Record,
    Token,
    decode_entry,
    decode_image,
    decode_record,
    decode_row,
    decode_token,
    encode_document,
    encode_entry,
    kv_pair,
)

_TIMES = st.integers(1_000, 4_000_000_000)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "digest": st.text("0123456789abcdef", min_size=64, max_size=64),
    "grants": st.lists(st.text(), max_size=3).map(tuple),
    "expires": _TIMES,
    "kept_until": _TIMES,
}


def any_of(kind: type[Any], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Returns a Hypothesis strategy that builds instances of a dataclass with random field values.

    If `_VALUES` has no strategy for a field, Hypothesis chooses random values of the field's type.
    """
    hints, values = get_type_hints(kind), {**_VALUES, **fixed}
    drawn = {
        field.name: values[field.name] if field.name in values else st.from_type(hints[field.name])
        for field in fields(kind)
    }
    return st.builds(kind, **drawn)


TOKENS = any_of(Token)
VALID_TOKENS = any_of(Token, revoked=st.just(""))
ENTITLEMENTS = any_of(Entitlement)
VERSIONS = st.integers(0, 2**53)


@given(TOKENS)
def test_a_document_gives_back_every_field_of_a_token(token: Token) -> None:
    document = json.loads(json.dumps(encode_document(token)))
    assert decode_token(token.digest, token.kept_until, document) == token


@given(TOKENS, VERSIONS)
def test_every_database_gives_back_the_same_record(token: Token, version: int) -> None:
    wanted = Record(token.digest, version, token.kept_until, None if token.revoked else token.entitlement)
    document = encode_document(token)
    text = json.dumps(document)
    image = {
        "sk": {"S": token.digest},
        "document": {"S": text},
        "version": {"N": str(version)},
        "expires": {"N": str(token.kept_until)},
    }
    until = datetime.fromtimestamp(token.kept_until, UTC).isoformat().replace("+00:00", "Z")
    assert decode_record(token.digest, version, token.kept_until, document) == wanted
    assert decode_image(image) == wanted
    assert decode_row(token.digest, text, str(version), until) == wanted


@given(ENTITLEMENTS, VERSIONS)
def test_an_entry_gives_back_every_field_that_the_edge_needs(known: Entitlement, version: int) -> None:
    good = Record("0" * 64, version, 0, known)
    assert decode_entry(encode_entry(good)) == Entry(version, known)
    assert decode_entry(encode_entry(replace(good, entitlement=None))) == Entry(version, None)


@pytest.mark.parametrize("field", [field.name for field in fields(Token)])
@given(VALID_TOKENS, TOKENS)
def test_a_changed_field_changes_the_edges_entry(field: str, token: Token, other: Token) -> None:
    changed = replace(token, **{field: getattr(other, field)})
    assert (entry_of(changed) == entry_of(token)) == (changed == token)


def entry_of(token: Token) -> dict[str, Any]:
    return kv_pair(decode_record(token.digest, 1, token.kept_until, encode_document(token)), now=0)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version":2,"revision":1,"revoked":true}', '{"version":1,"revision":1}']
)
def test_an_invalid_entry_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRecord):
        decode_entry(text)
