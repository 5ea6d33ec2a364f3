"""Tests that the config loader refuses a list in a stack config that contains the same entry twice. Pulumi would
register two resources with one URN for the two entries, and fail in the middle of an update.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from stacks.config import ConfigError, load
from stacks.config.sections import StackConfig
from tests.support.stacks import stack_config

SCHEMA = StackConfig.model_json_schema()
MACHINES = {"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1}
# A sample entry for each list in the config namespace `artifact-edge`. The keys are the paths of the lists in the
# config.
ENTRIES: Mapping[str, Any] = {
    "alerts.email": "a@b.example",
    "blobs.regions": "us-east-1",
    "blobs.standby": "us-east1",
    "edge.reserved_python_names": "acme-*",
    "metadata.operators": "user:a@b.test",
    "metadata.regions": "us-east-1",
    "pops": MACHINES,
    "shield_log_fields": "path",
    "shields": {"cloud": "aws", **MACHINES},
    **{
        f"waf.{section}.{kind}": entry
        for section in ("allow", "deny")
        for kind, entry in (("addresses", "192.0.2.0/24"), ("asns", 64500), ("countries", "SE"))
    },
}


def lists(node: Mapping[str, Any], place: Sequence[str] = ()) -> Iterator[str]:
    """Yields the path of each list, such as `waf.allow.addresses`, in the part `node` of the config's JSON schema.
    `place` is the path of this part.
    """
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    if node.get("type") == "array":
        yield ".".join(place)
    if "items" in node:
        yield from lists(node["items"], place)
    for part in node.get("anyOf", []):
        yield from lists(part, place)
    for name, part in node.get("properties", {}).items():
        yield from lists(part, (*place, name))


def test_the_table_has_an_entry_for_each_list() -> None:
    assert sorted(lists(SCHEMA)) == sorted(ENTRIES)


@pytest.mark.parametrize(("place", "entry"), ENTRIES.items(), ids=list(ENTRIES))
def test_a_repeated_entry_is_refused(place: str, entry: Any) -> None:
    *sections, name = place.split(".")
    setting = place.split(".")[0]
    values = stack_config("prod")
    whole: dict[str, Any] = {setting: json.loads(values.get(f"artifact-edge:{setting}", "{}"))}
    holder = whole
    for section in sections:
        holder = holder.setdefault(section, {})
    holder[name] = [entry, entry]
    with pytest.raises(ConfigError) as raised:
        load("prod", values | {f"artifact-edge:{setting}": json.dumps(whole[setting])})
    repeated: object = entry["region"] if place in ("pops", "shields") else str(entry)
    assert f"artifact-edge:{place}: {repeated!r} is named twice; name each " in str(raised.value)
