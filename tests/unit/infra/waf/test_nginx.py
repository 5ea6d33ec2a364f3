"""Tests how the arguments of the WAF component become values in NGINX's configuration. Also tests which arguments NGINX
cannot apply. tests/unit/infra/pop/test_firewall.py tests which requests NGINX refuses.
"""

from __future__ import annotations

from infra.waf import Bound, Sources, WafArgs
from infra.waf.nginx import lacks, values


def test_the_default_limits_let_the_largest_fleet_through_at_once() -> None:
    found = values(WafArgs())
    assert (found["ADDRESS_RATE"], found["ADDRESS_BURST"]) == ("3600000r/m", "599999")
    assert (found["TOKEN_RATE"], found["TOKEN_BURST"]) == ("3600000r/m", "599999")
    assert (found["FAILED_TOKENS_RATE"], found["FAILED_TOKENS_BURST"]) == ("100r/m", "99")
    assert found["MOST_CONNECTIONS"] == "3000"


def test_clients_wait_for_the_longer_period() -> None:
    assert values(WafArgs())["RETRY_SECONDS"] == "10"
    assert values(WafArgs(by_address=Bound(600_000, 60)))["RETRY_SECONDS"] == "60"


def test_patterns_have_no_character_that_nginx_would_interpret() -> None:
    pattern = values(WafArgs())["PATH_ATTACKS"]
    assert '"' not in pattern and "$" not in pattern
    assert r"|\x5c|%5c|" in pattern
    assert pattern.startswith("/[.]|%2e|")


def test_lists_that_nginx_cannot_apply_are_errors_with_the_remedy() -> None:
    addresses = Sources(["192.0.2.0/24"])
    assert list(lacks(WafArgs(allow=addresses, deny=addresses))) == []
    assert list(lacks(WafArgs(allow=Sources(asns=[64496]), deny=Sources(countries=["SE"])))) == [
        ("allow.asns", "PoPs of our own know only addresses; use allow.addresses, or no pops"),
        ("deny.countries", "PoPs of our own know only addresses; use deny.addresses, or no pops"),
    ]
