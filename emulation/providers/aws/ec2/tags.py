"""Sets the tags of EC2 resources. The request that creates a resource also sets its first tags. Later changes of the
tags need separate API requests.
"""

from __future__ import annotations

from typing import Any

from emulation.providers.aws.clients import removed_tags, tag_list
from emulation.providers.aws.described import Api
from emulation.providers.handler import Properties


def tags(kind: str, inputs: Properties) -> dict[str, Any]:
    given = tag_list(inputs.get("tags"))
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": given}]} if given else {}


def change_tags(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    if gone := removed_tags(old, new):
        ec2.delete_tags(Resources=[id], Tags=[{"Key": key} for key in gone])
    if new.get("tags"):
        ec2.create_tags(Resources=[id], Tags=tag_list(new["tags"]))


def only(found: list[Any]) -> Any:
    return found[0] if found else None
