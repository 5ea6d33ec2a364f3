"""Passes random edge policies, token entries and grants to the registry's parsers. A parser must accept each input, or
refuse it with the error for invalid input. Any other error fails the test. The edge worker and the registry must accept
the same edge policies.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.tokens import MalformedRecord, decode_entry
from local.checkout import CHECKOUT
from registry import RegistryError
from registry.edge_policy.document import Policy, parsed
from registry.tokens import grants

# The total number of random cases in one run of this module. `make test-fuzz` sets a higher number. The module has four
# tests with random cases, and each of them tries a quarter of all cases.
_ALL_CASES = int(os.environ.get("FUZZ_CASES", "400"))
random_cases = settings(
    max_examples=_ALL_CASES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)

WORKER = CHECKOUT / "workers" / "edge"
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
SHA512, SHA256 = f"sha512-{'A' * 86}==", f"sha256:{'ab' * 32}"
# The values that the tests give to the fields of random edge policy rules. Each value is valid for at least one field.
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        "allow",
        "deny",
        "npm",
        "pypi",
        "oci",
        "low",
        3,
        ["*"],
        ["web", "@acme/*"],
        ["MIT", "BSD-*"],
        ["1.*"],
        [SHA512],
        [SHA256],
    ]
)
RANGES = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            ["<", ">=", "==", "~=", "^", "1", "1.0", ".2", ".*", " ", ",", "||", "-", "rc1", "x", "!", "+a"]
        ),
        max_size=5,
    ),
)
RULES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"action": st.sampled_from(["allow", "deny"]), "packages": st.just(["web", "@acme/*"])},
    optional={
        "ecosystem": st.sampled_from(["npm", "pypi", "oci"]),
        "versions": RANGES,
        "reason": st.text(max_size=9),
        "principals": st.sampled_from([["*"], ["ci-*"], ["dana@acme"], [""]]),
        "digests": st.sampled_from([[SHA512], [SHA256], ["sha256:0"]]),
        "tags": st.sampled_from([["1.*"], ["latest"], ["é"]]),
        "severity": st.sampled_from(["low", "critical", "none"]),
        "younger_than_days": st.integers(-1, 4_000),
        "without_license": st.sampled_from([["MIT"], ["BSD-*", "Apache 2"], [" MIT"]]),
        "unknown": st.sampled_from(["allow", "deny"]),
    },
)
FIELDS = st.sampled_from(
    ["name", "action", "ecosystem", "packages", "versions", "tags", "digests", "reason", "severity", "other"]
)


def changed(rule: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {**rule, **changes}


CHANGED: st.SearchStrategy[dict[str, Any]] = st.builds(
    changed, RULES, st.dictionaries(FIELDS, VALUES | JSON, max_size=1)
)
EXPERIMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["hedging", "Hedging", "other"]),
        "layer": st.sampled_from(["shields", "other"]),
        "unit": st.sampled_from(["principal", "token", "client"]),
        "variants": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["on", "off", ""]), "weight": st.sampled_from([0, 1, 50, 10_000, 10_001])},
                optional={
                    "hedging": st.booleans(),
                    "prediction": st.booleans() | JSON,
                    "shield_pool": st.just(["us-*"]),
                },
            ),
            max_size=3,
        ),
    },
    optional={"percent": st.lists(st.integers(-1, 101), min_size=1, max_size=3), "salt": st.text(max_size=4)},
)


def network_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    """Returns the canonical notation of the network with this prefix length that contains the address."""
    return str(ipaddress.ip_network(f"{address}/{min(length, address.max_prefixlen)}", strict=False))


PREFIX_LENGTHS = st.integers(-1, 129) | st.sampled_from([0, 8, 24, 32, 33, 64, 96, 97, 128])
IPV4_MAPPED = st.integers(0xFFFE_0000_0000, 0xFFFF_FFFF_FFFF).map(ipaddress.IPv6Address)
ADDRESSES: st.SearchStrategy[str] = st.one_of(
    (st.ip_addresses() | IPV4_MAPPED).map(str),
    st.lists(st.integers(-1, 300).map(str), min_size=3, max_size=5).map(".".join),
    st.lists(st.sampled_from(["", "0", "1", "ffff", "2001", "DB8", "00", "g", "1.2.3.4", "%1"]), max_size=9).map(
        ":".join
    ),
)
NETWORKS: st.SearchStrategy[str] = st.one_of(
    st.builds(network_of, st.ip_addresses() | IPV4_MAPPED, st.integers(0, 128)),
    st.builds("{}/{}".format, ADDRESSES, PREFIX_LENGTHS),
    ADDRESSES,
    st.text(max_size=5),
)


def named(rules: list[dict[str, Any]], more: dict[str, Any]) -> str:
    content = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return json.dumps({"format": 1, "rules": content, **more})


BLOCKING: st.SearchStrategy[str] = st.builds(
    named, st.just([]), st.fixed_dictionaries({"blocked": st.lists(NETWORKS, min_size=1, max_size=2)})
)
POLICIES: st.SearchStrategy[str] = BLOCKING | st.builds(
    named,
    st.lists(CHANGED, max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "experiments": st.lists(EXPERIMENTS, max_size=2),
            "operators": st.sampled_from([["alice"], [], ["é"]]),
            "exemptions": st.just([{"advisory": "GHSA-1", "reason": "any"}]) | JSON,
            "blocked": st.lists(NETWORKS, max_size=2) | JSON,
        },
    ),
)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles the program verdicts.ts, and returns the path of the bundle. The program reads strings. For each string,
    it prints whether the edge worker's code accepts the string as an edge policy.
    """
    bundle = tmp_path_factory.mktemp("worker") / "verdicts.mjs"
    options = ["--bundle", "--platform=node", "--format=esm", f"--outfile={bundle}", "--log-level=warning"]
    subprocess.run([WORKER / "node_modules/.bin/esbuild", WORKER / "test/verdicts.ts", *options], check=True)
    return bundle


def test_the_worker_accepts_exactly_the_policies_that_the_registry_accepts(worker: Path) -> None:
    verdicts: dict[str, str] = {}

    @random_cases
    @given(text=POLICIES)
    def collect(text: str) -> None:
        try:
            policy = parsed(text, "policy.json")
        except RegistryError:
            verdicts[text] = "invalid"
            return
        assert parsed(policy.text, "policy.json") == policy
        verdicts[text] = verdicts[policy.text] = "valid"

    collect()
    asked = "".join(f"{json.dumps(text)}\n" for text in verdicts)
    answers = subprocess.run(["node", worker], input=asked, capture_output=True, text=True, check=True).stdout.split()
    different = [text for text, answer in zip(verdicts, answers, strict=True) if verdicts[text] != answer]
    assert not different, f"{len(different)} of {len(verdicts)} texts, such as {min(different, key=len)}"
    assert len(set(answers)) == 2


@random_cases
@given(text=st.text() | JSON.map(json.dumps))
def test_any_text_is_a_policy_or_is_refused(text: str) -> None:
    with contextlib.suppress(RegistryError):
        assert isinstance(parsed(text, "policy.json"), Policy)


ENTRIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"version": st.just(1) | JSON, "revision": st.integers() | JSON, "principal": st.text() | JSON},
    optional={"expires": st.integers() | JSON, "grants": st.lists(st.text()) | JSON, "revoked": st.booleans() | JSON},
)


@random_cases
@given(text=(ENTRIES | JSON).map(json.dumps) | st.text())
def test_any_text_is_the_entry_of_a_token_or_is_malformed(text: str) -> None:
    with contextlib.suppress(MalformedRecord):
        entry = decode_entry(text)
        assert isinstance(entry.revision, int)
        if entry.entitlement is not None:
            assert isinstance(entry.entitlement.principal, str)
            assert isinstance(entry.entitlement.expires, int)
            assert all(isinstance(grant, str) for grant in entry.entitlement.grants)


PARTS = st.sampled_from(
    ["npm", "pypi", "oci", "pull", "push", ":", "*", "@acme/", "web", "-", "--", ".", "é", " ", "A"]
)


@random_cases
@given(st.lists(st.lists(PARTS, max_size=7).map("".join) | st.text(), max_size=3))
def test_any_text_is_a_grant_or_is_refused(texts: list[str]) -> None:
    with contextlib.suppress(RegistryError):
        for grant in grants.checked(texts):
            ecosystem, _, action = grant.split(":")
            assert ecosystem in grants.ECOSYSTEMS
            assert action in grants.ACTIONS
