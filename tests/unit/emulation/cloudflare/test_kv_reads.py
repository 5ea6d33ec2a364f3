"""Tests the eventual consistency of the emulated Workers KV. After a write, a PoP still reads the key's old value for
some time. Each test sets this time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from emulation.cloudflare.api import create_app
from emulation.cloudflare.kv_reads import PATH, KvReads, control
from emulation.cloudflare.kv_service import NAMESPACE_HEADER, POP_HEADER, SECRET_HEADER, create_service
from emulation.state_store import Entry, StateStore

SECRET = "the-secret-of-the-pops"


@dataclass
class Account:
    """An emulated Cloudflare account, with its API and the Workers KV service that PoPs read from. Tests advance the
    account's clock.
    """

    store: StateStore
    time: list[float]
    api: Flask
    service: Flask

    def hold(self, seconds: object) -> int:
        return self.api.test_client().put(PATH, json={"stale_seconds": seconds}).status_code

    def write(self, value: str) -> None:
        self.store.write("namespace", Entry("key", value.encode()))

    def read(self, pop: str) -> str:
        answer = self.service.test_client().get("/key", headers=_headers(pop))
        return answer.text if answer.status_code == 200 else str(answer.status_code)

    def read_in_bulk(self, pop: str) -> str | None:
        body = {"keys": ["key"], "type": "text"}
        answer = self.service.test_client().post("/bulk/get", json=body, headers=_headers(pop))
        values: dict[str, str | None] = answer.json or {}
        return values["key"]


def _headers(pop: str) -> dict[str, str]:
    return {NAMESPACE_HEADER: "namespace", POP_HEADER: pop, SECRET_HEADER: SECRET}


@pytest.fixture
def account(tmp_path: Path) -> Account:
    time = [1_000_000.0]
    store = StateStore(tmp_path / "state.sqlite", clock=lambda: time[0])
    reads, api = KvReads(store), create_app(store)
    api.register_blueprint(control(reads))
    return Account(store, time, api, create_service(store, reads, SECRET))


def test_without_a_setting_each_read_sees_the_last_write(account: Account) -> None:
    account.write("old")
    assert account.read("IAD") == "old"
    account.write("new")
    assert account.read("IAD") == "new"


def test_a_pop_that_has_read_a_value_sees_its_change_late_and_another_pop_sees_the_change_at_once(
    account: Account,
) -> None:
    account.hold(90)
    account.write("old")
    assert account.read("IAD") == "old"
    account.write("new")
    account.time[0] += 89
    assert (account.read("IAD"), account.read_in_bulk("IAD"), account.read("DUB")) == ("old", "old", "new")
    account.time[0] += 1
    assert account.read("IAD") == "new"


def test_a_pop_that_has_read_a_missing_key_sees_the_new_value_late(account: Account) -> None:
    account.hold(90)
    assert account.read("IAD") == "404"
    account.write("new")
    account.time[0] += 89
    assert (account.read("IAD"), account.read_in_bulk("IAD")) == ("404", None)
    account.time[0] += 1
    assert account.read("IAD") == "new"


def test_a_pop_sees_its_own_write_at_once(account: Account) -> None:
    account.hold(90)
    account.write("old")
    assert (account.read("IAD"), account.read("DUB")) == ("old", "old")
    account.service.test_client().put("/key", data="new", headers=_headers("IAD"))
    assert (account.read("IAD"), account.read("DUB")) == ("new", "old")


def test_the_end_of_the_setting_removes_all_copies(account: Account) -> None:
    account.hold(90)
    account.write("old")
    assert account.read("IAD") == "old"
    account.write("new")
    assert account.hold(0) == 200
    assert account.read("IAD") == "new"


@pytest.mark.parametrize("seconds", [-1, "90", None])
def test_a_setting_that_is_no_time_is_refused(account: Account, seconds: object) -> None:
    assert account.hold(seconds) == 400
