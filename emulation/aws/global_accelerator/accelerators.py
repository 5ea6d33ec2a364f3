"""Operations of the Global Accelerator API on accelerators and their tags.

Sources: API Reference of the operations; Developer Guide, "Quotas for AWS Global Accelerator".
"""

from __future__ import annotations

import time
import uuid

from emulation.aws.global_accelerator import models
from emulation.aws.global_accelerator.models import Fields, GlobalAcceleratorBackend, below, limit, page
from emulation.aws.global_accelerator.refusals import Refused, invalid, not_emulated

_MOST_ACCELERATORS = 20
_MOST_TAGS = 50


def create(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    if given.get("IpAddressType", "IPV4") != "IPV4":
        raise not_emulated("accelerators with IPv6 addresses (IpAddressType DUAL_STACK)")
    if given.get("IpAddresses"):
        raise not_emulated("accelerators with addresses of one's own (IpAddresses)")
    limit(backend.accelerators, _MOST_ACCELERATORS, "accelerators")
    arn, now = f"arn:aws:globalaccelerator::{backend.account_id}:accelerator/{uuid.uuid4()}", time.time()
    addresses = [next(models.static_addresses), next(models.static_addresses)]
    backend.accelerators[arn] = {
        "AcceleratorArn": arn,
        "Name": given["Name"],
        "IpAddressType": "IPV4",
        "Enabled": given.get("Enabled", True),
        "IpSets": [{"IpFamily": "IPv4", "IpAddressFamily": "IPv4", "IpAddresses": addresses}],
        "DnsName": f"a{uuid.uuid4().hex[:16]}.awsglobalaccelerator.com",
        "Status": "DEPLOYED",
        "CreatedTime": now,
        "LastModifiedTime": now,
    }
    tag(backend, {"ResourceArn": arn, "Tags": given.get("Tags", [])})
    return {"Accelerator": backend.accelerators[arn]}


def describe(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    return {"Accelerator": backend.accelerator(given["AcceleratorArn"])}


def list_all(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    return page("Accelerators", backend.accelerators.values(), given)


def update(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    found = backend.accelerator(given["AcceleratorArn"])
    if given.get("IpAddressType", "IPV4") != "IPV4" or given.get("IpAddresses"):
        raise not_emulated("another type of addresses, or addresses of one's own")
    found |= {name: given[name] for name in ("Name", "Enabled") if name in given}
    found["LastModifiedTime"] = time.time()
    return {"Accelerator": found}


def delete(backend: GlobalAcceleratorBackend, given: Fields) -> None:
    arn = given["AcceleratorArn"]
    if backend.accelerator(arn)["Enabled"]:
        raise Refused("AcceleratorNotDisabledException", f"{arn} is enabled; disable it first")
    if below(arn, backend.listeners):
        raise Refused("AssociatedListenerFoundException", f"{arn} has a listener; delete it first")
    del backend.accelerators[arn], backend.tags[arn]


def describe_attributes(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    backend.accelerator(given["AcceleratorArn"])
    return {"AcceleratorAttributes": {"FlowLogsEnabled": False}}


def update_attributes(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    if given.get("FlowLogsEnabled") or given.get("FlowLogsS3Bucket") or given.get("FlowLogsS3Prefix"):
        raise not_emulated("flow logs")
    return describe_attributes(backend, given)


def list_tags(backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    backend.accelerator(given["ResourceArn"])
    tags = backend.tags[given["ResourceArn"]]
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tag(backend: GlobalAcceleratorBackend, given: Fields) -> None:
    arn = given["ResourceArn"]
    backend.accelerator(arn)
    tags = backend.tags.get(arn, {}) | {each["Key"]: each["Value"] for each in given["Tags"]}
    if len(tags) > _MOST_TAGS:
        raise invalid(f"{arn} would have {len(tags)} tags, and the most are {_MOST_TAGS}")
    backend.tags[arn] = tags


def untag(backend: GlobalAcceleratorBackend, given: Fields) -> None:
    backend.accelerator(given["ResourceArn"])
    for key in given["TagKeys"]:
        backend.tags[given["ResourceArn"]].pop(key, None)
