"""Tests that the times in the documentation's table "Who keeps what, for how long" agree with the code."""

from __future__ import annotations

import re

import pytest

from tests.support.architecture_page import rows, section
from tests.unit.docs import CHECKOUT

_WORKER = "workers/edge/src"
_SHIELD = "infra/shield/machine/files/etc/artifact-edge/records.config"
_L1 = "emulation/cloudflare/pop/l1/records.config"
_ARTIFACT = "registry/catalog/artifact.py"
_COLUMNS = ["tier", "immutable", "mutable", "404", "error"]
_SECONDS = {31_536_000: "a year", 86_400: "a day"}


@pytest.mark.parametrize(
    ("tier", "column", "file", "expression"),
    [
        ("client", "immutable", _ARTIFACT, r'IMMUTABLE = "public, max-age=(\d+)'),
        ("client", "mutable", _ARTIFACT, r'(?m)^MUTABLE = "public, max-age=(\d+)'),
        ("edge worker", "mutable", f"{_WORKER}/tokens.ts", r"POSITIVE_MILLISECONDS = (\d+)_000;"),
        ("edge worker", "mutable", f"{_WORKER}/quarantine.ts", r"FRESH_MILLISECONDS = (\d+)_000;"),
        ("edge worker", "mutable", f"{_WORKER}/feed.ts", r" MAX_AGE_MILLISECONDS = (\d+)_000;"),
        ("Workers Cache", "mutable", "contract/revocations.py", r"LIFETIME_SECONDS = (\d+)"),
        ("edge worker", "404", f"{_WORKER}/tokens.ts", r"NEGATIVE_MILLISECONDS = (\d+)_000;"),
        ("edge worker", "error", f"{_WORKER}/node_health.ts", r"FIRST_BACK_OFF = (\d+)_000;"),
        ("edge worker", "error", f"{_WORKER}/node_health.ts", r"LONGEST_BACK_OFF = (\d+)_000;"),
        ("Workers KV", "mutable", f"{_WORKER}/store.ts", r"cacheTtl: (\d+)"),
        ("Workers KV", "404", f"{_WORKER}/store.ts", r"cacheTtl: (\d+)"),
        ("metadata API", "404", "workers/entitlements/lookup.py", r"NEGATIVE_SECONDS = (\d+)\.0"),
        ("L1", "mutable", _ARTIFACT, r'(?m)^MUTABLE = "public, max-age=(\d+)'),
        ("L1", "mutable", f"{_WORKER}/prefetched_lifetime.ts", r"FRESH_SECONDS = (\d+)"),
        ("L1", "mutable", _L1, r"negative_revalidating_lifetime INT (\d+)"),
        ("shield", "mutable", _ARTIFACT, r'(?m)^MUTABLE = "public, max-age=(\d+)'),
        ("shield", "mutable", _SHIELD, r"negative_revalidating_lifetime INT (\d+)"),
        ("shield", "error", _SHIELD, r"parent_proxy\.retry_time INT (\d+)"),
        ("DNS", "immutable", "infra/dns/records.py", r"TTL_SECONDS = (\d+)"),
        ("DNS", "404", "emulation/dns/zones.py", r"_SOA_TTL = (\d+)"),
    ],
)
def test_a_time_on_the_page_is_the_one_in_the_code(tier: str, column: str, file: str, expression: str) -> None:
    (seconds,) = {int(found) for found in re.findall(expression, (CHECKOUT / file).read_text())}
    times = section("Who keeps what").split("What sets these times:")[0]
    (cell,) = [row[_COLUMNS.index(column)] for row in rows(times) if row[0].startswith(tier)]
    assert re.search(rf"\b{_SECONDS.get(seconds, f'{seconds} s')}\b", cell), f"{file}: {seconds} s; the page: {cell}"
