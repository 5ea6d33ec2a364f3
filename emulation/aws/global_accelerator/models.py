"""Stores an account's accelerators, listeners and endpoint groups as JSON objects of the Global Accelerator API."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from moto.core.base_backend import BackendDict, BaseBackend

from emulation.aws.global_accelerator.refusals import Refused, invalid
from emulation.layout import AWS_ACCOUNT_ID

# A resource, or the parameters of a request. The keys are the field names of the Global Accelerator API.
Fields = dict[str, Any]

# The static IP addresses that new accelerators get, one after the other. RFC 5737 reserves the network 198.51.100.0/24
# for documentation.
static_addresses: Iterator[str] = itertools.cycle([f"198.51.100.{host}" for host in range(1, 255)])


class GlobalAcceleratorBackend(BaseBackend):
    """The standard accelerators of one account, with their listeners, endpoint groups and tags. The keys of each
    mapping are ARNs.

    The ARN of a listener starts with the ARN of its accelerator, and the ARN of an endpoint group with the ARN of its
    listener.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.accelerators: dict[str, Fields] = {}
        self.listeners: dict[str, Fields] = {}
        self.groups: dict[str, Fields] = {}
        self.tags: dict[str, dict[str, str]] = {}
        # Maps an operation and an idempotency token to the response to the first request with this token.
        self.answers: dict[tuple[str, str], Fields] = {}

    def accelerator(self, arn: str) -> Fields:
        return _existing(arn, self.accelerators, "Accelerator")

    def listener(self, arn: str) -> Fields:
        return _existing(arn, self.listeners, "Listener")

    def group(self, arn: str) -> Fields:
        return _existing(arn, self.groups, "EndpointGroup")


# Global Accelerator is a global service. moto stores the backend of a global service under the region name `aws`.
globalaccelerator_backends = BackendDict(
    GlobalAcceleratorBackend, "globalaccelerator", use_boto3_regions=False, additional_regions=["aws"]
)


def backend_of(account: str = AWS_ACCOUNT_ID) -> GlobalAcceleratorBackend:
    return cast(Any, globalaccelerator_backends)[account]["aws"]


def below(arn: str, resources: Mapping[str, Fields]) -> list[Fields]:
    """Returns the resources directly below `arn`: the listeners of an accelerator, or the endpoint groups of a
    listener.
    """
    return [fields for each, fields in resources.items() if each.startswith(f"{arn}/")]


def accelerator_arn(arn: str) -> str:
    """Returns the ARN of the accelerator to which a resource with the given ARN belongs."""
    return arn.partition("/listener/")[0]


def limit(existing: Iterable[object], most: int, what: str) -> None:
    if len(list(existing)) >= most:
        raise Refused("LimitExceededException", f"there are already {most} {what}")


def page(name: str, found: Iterable[Fields], given: Fields) -> Fields:
    """Returns one page of a list. A page has ten resources unless the request sets MaxResults."""
    listed, most, token = list(found), int(given.get("MaxResults", 10)), str(given.get("NextToken", "0"))
    if not token.isdigit():
        raise Refused("InvalidNextTokenException", f"{token!r} is no token of this list")
    end = int(token) + most
    return {name: listed[int(token) : end], **({"NextToken": str(end)} if end < len(listed) else {})}


def only_one_region(region: str) -> None:
    """Refuses a request that is signed for a region in which the Global Accelerator API is not served (Global
    Accelerator API Reference, "Welcome").
    """
    if region != "us-west-2":
        raise invalid(f"the request is for {region}, and Global Accelerator is served in us-west-2 only")


def _existing(arn: str, resources: Mapping[str, Fields], kind: str) -> Fields:
    if arn not in resources:
        raise Refused(f"{kind}NotFoundException", f"{arn} does not exist")
    return resources[arn]
