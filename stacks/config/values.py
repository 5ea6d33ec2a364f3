"""Types of the values in stack config, and the error messages for invalid values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from ipaddress import ip_network
from typing import Annotated, Any

import botocore.session
from pydantic import AfterValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from contract.regions import REGIONS, Cloud
from infra.blobs.gcs import DUAL_REGION_AREAS

_NAME = re.compile(r"(?=.{2,20}$)[a-z0-9]+(-[a-z0-9]+)*")
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\w+=,.@/-]{1,128}")
# The last part of a domain name. If it is not written in Latin letters, DNS uses its ASCII form, which begins with
# `xn--` (RFC 5890, 2.3.2.1).
_TOP_LEVEL = r"(?:xn--[a-z0-9](?:[a-z0-9-]{0,57}[a-z0-9])?|[a-z]{2,63})"
_MAIL_ADDRESS = re.compile(rf"(?=.{{6,254}}$)[^@\s]+@[^@\s]+\.{_TOP_LEVEL}")
# AWS accepts letters of any script in values of tags (EC2 User Guide, "Tag your Amazon EC2 resources", "Tag
# restrictions").
_TAG_VALUE = re.compile(r"[\w +\-=.:/@]{1,256}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LAST_ASN = 2**32 - 1  # the largest number of an autonomous system (RFC 6793)
_NAME_PATTERN = re.compile(r"[a-z0-9*]+(?:-[a-z0-9*]+)*")

# The IAM members of Google Cloud that a setting may name as operators of the database (Google Cloud IAM, "IAM principal
# identifiers"). `allUsers` and whole domains are refused, because they include too many people.
_MEMBER = re.compile(r"(user|group|serviceAccount):[^@\s]+@[^@\s]+|principal(Set)?://iam\.googleapis\.com/\S+")

DOMAIN = re.compile(rf"([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+{_TOP_LEVEL}")

# The form of a Google Cloud project id (Resource Manager, "Creating and managing projects").
PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


def wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("artifact_edge", "{message}", {"message": message})


def did_you_mean(given: str, accepted: Iterable[str]) -> str:
    close = get_close_matches(given, sorted(accepted), n=5)
    # For an invalid name in the config, the message suggests an accepted name. Swapped letters are the most likely
    # typing error. Names with the same letters as the given name, in another order, therefore come first.
    close.sort(key=lambda name: sorted(name) != sorted(given))
    return f"; did you mean {close[0]!r}?" if close else ""


@cache
def _aws_regions() -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_available_regions("ec2"))


def known_region(name: str, cloud: Cloud) -> None:
    listed = {known.name for known in REGIONS.values() if known.cloud == cloud}
    if name in listed:
        return
    if cloud == "gcp":
        guess = did_you_mean(name, listed)
        raise wrong(f"contract/regions.py lacks the Google Cloud region {name!r}; if it exists, add it there{guess}")
    if name in _aws_regions():
        raise wrong(f"{name!r} is an AWS region without coordinates; add it to contract/regions.py")
    raise wrong(f"{name!r} is not an AWS region{did_you_mean(name, listed)}")


def _region_of_store(name: str, info: ValidationInfo) -> str:
    """Checks the name of a region for the buckets or for the metadata database. The setting `store` in the same section
    of the config determines the cloud, such as AWS for `s3`. The region must exist in this cloud.
    """
    store = info.data.get("store")
    if store is not None:
        known_region(name, CLOUD_OF_STORE[store])
    return name


CLOUD_OF_STORE: Mapping[str, Cloud] = {"s3": "aws", "dynamodb": "aws", "gcs": "gcp", "spanner": "gcp"}

# A fragment of the JSON Schema with which editors check config values. A fragment need not express every rule: the
# Pulumi program checks the values again, and its error messages are clearer than those of an editor.
_Editor = dict[str, Any]

ANY_REGION: _Editor = {"enum": sorted(REGIONS)}

AWS_REGION: _Editor = {"enum": sorted(name for name, region in REGIONS.items() if region.cloud == "aws")}

_GOOGLE = sorted(name for name, region in REGIONS.items() if region.cloud == "gcp")


def _region_of_google(name: str) -> str:
    known_region(name, "gcp")
    return name


GcpRegion = Annotated[str, AfterValidator(_region_of_google), WithJsonSchema({"type": "string", "enum": _GOOGLE})]

StoreRegion = Annotated[str, AfterValidator(_region_of_store), WithJsonSchema({"type": "string", **ANY_REGION})]


def _matching(pattern: re.Pattern[str], fault: str) -> AfterValidator:
    """Returns a pydantic validator that refuses strings that do not match the pattern. The error message is the refused
    string in quotes, followed by `fault`.
    """

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise wrong(f"{text!r} {fault}")
        return text

    return AfterValidator(check)


def _in_editors(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Name = Annotated[
    str,
    _matching(
        _NAME,
        "does not fit into names of buckets; use 2 to 20 of a-z, 0-9 and -, with letters or digits around each -",
    ),
    _in_editors(_NAME.pattern),
]
TagValue = Annotated[
    str,
    _matching(_TAG_VALUE, "is no value of a tag on AWS; use 1 to 256 letters, digits, spaces and + - = . _ : / @"),
]
PolicyArn = Annotated[
    str,
    _matching(_POLICY_ARN, "is not the ARN of an IAM policy; write it like arn:aws:iam::123456789012:policy/limit"),
    _in_editors(_POLICY_ARN.pattern),
]
Email = Annotated[
    str,
    _matching(_MAIL_ADDRESS, "is not a mail address; write it like on-call@example.com"),
    _in_editors(_MAIL_ADDRESS.pattern),
]
NamePattern = Annotated[
    str,
    _matching(_NAME_PATTERN, "is no pattern of normalized project names (PEP 503); write it like acme-*"),
    _in_editors(_NAME_PATTERN.pattern),
]
Member = Annotated[
    str,
    _matching(_MEMBER, "is not an IAM member of Google Cloud; write it like group:registry@example.com"),
    _in_editors(f"({_MEMBER.pattern})"),
]


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise wrong(f"{text!r} is no network; write it like 192.0.2.0/24, with no bits set after the prefix") from None
    if not network.prefixlen:
        raise wrong(f"{text!r} is every address; name the networks that you mean")
    return str(network)


def _asn(number: int) -> int:
    if not 1 <= number <= _LAST_ASN:
        raise wrong(f"{number} is no number of an autonomous system; it is 1 to {_LAST_ASN}")
    return number


Network = Annotated[str, AfterValidator(_network)]
Asn = Annotated[int, AfterValidator(_asn)]
Country = Annotated[
    str,
    _matching(_COUNTRY, "is no country; write its two letters of ISO 3166-1, like SE"),
    _in_editors(_COUNTRY.pattern),
]


def distinct(names: Sequence[str], kind: str = "region") -> None:
    for name in names:
        if names.count(name) > 1:
            raise wrong(f"{name!r} is named twice; name each {kind} once")


def one_bucket(regions: Sequence[str]) -> None:
    """Raises an error unless one Cloud Storage bucket can be in all the given regions. A bucket can be in one region,
    or in two regions on the same continent.
    """
    continents = {REGIONS[name].continent for name in regions}
    if len(regions) > 2 or len(continents) > 1 or (len(regions) == 2 and not continents <= DUAL_REGION_AREAS.keys()):
        raise wrong(f"{listed(regions)} is no dual-region; Cloud Storage takes one region, or two on one continent")


def listed(regions: Iterable[str]) -> str:
    return ", ".join(regions)
