"""Creates, reads, changes and deletes EC2 security groups for the emulated AWS provider. The rules of a group are
properties of the group, and not separate resources.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from emulation.providers.aws.clients import tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.ec2.tags import change_tags, only, tags
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves EC2 security groups."""
    return [
        Described(
            aws.ec2.SecurityGroup,
            "ec2",
            make=_make_group,
            describe=_describe_group,
            remove=lambda ec2, id, state: ec2.delete_security_group(GroupId=id),
            change=_change_group,
            replace_on=frozenset({"name", "description", "vpcId", "region"}),
        ),
    ]


def _make_group(ec2: Api, inputs: Properties) -> str:
    request = {"GroupName": inputs["name"], "Description": inputs.get("description", "Managed by Pulumi")}
    created = ec2.create_security_group(VpcId=inputs["vpcId"], **request, **tags("security-group", inputs))
    # EC2 gives each new security group a rule that allows all outgoing traffic. The handler removes this rule, as
    # Pulumi's real AWS provider does.
    anywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=created["GroupId"], IpPermissions=anywhere)
    _add_rules(ec2, created["GroupId"], inputs)
    return created["GroupId"]


def _change_group(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    group = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]
    if ("ingress" in old or "ingress" in new) and group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=id, IpPermissions=group["IpPermissions"])
    if ("egress" in old or "egress" in new) and group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=id, IpPermissions=group["IpPermissionsEgress"])
    _add_rules(ec2, id, new)
    change_tags(ec2, id, old, new)


def _add_rules(ec2: Api, id: str, inputs: Properties) -> None:
    if inputs.get("ingress"):
        ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[_inline(rule) for rule in inputs["ingress"]])
    if inputs.get("egress"):
        ec2.authorize_security_group_egress(GroupId=id, IpPermissions=[_inline(rule) for rule in inputs["egress"]])


def _inline(rule: Properties) -> dict[str, Any]:
    """Converts a rule of a security group from Pulumi's form to the form of the EC2 API. As in Pulumi's real AWS
    provider, each source in the rule gets the rule's description.
    """
    described = {"Description": rule["description"]} if rule.get("description") else {}
    permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        permission.update(FromPort=rule["fromPort"], ToPort=rule["toPort"])
    permission["IpRanges"] = [{"CidrIp": cidr, **described} for cidr in rule.get("cidrBlocks", [])]
    permission["Ipv6Ranges"] = [{"CidrIpv6": cidr, **described} for cidr in rule.get("ipv6CidrBlocks", [])]
    permission["PrefixListIds"] = [{"PrefixListId": id, **described} for id in rule.get("prefixListIds", [])]
    return permission


def _sources(permission: dict[str, Any]) -> frozenset[tuple[object, ...]]:
    """Returns the address ranges and prefix lists in a security group rule, each with the rule's protocol and ports.
    The result is a set without descriptions, so rules that differ only in their order or descriptions have equal
    results.
    """
    ports = (permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
    listed = [
        *(source["CidrIp"] for source in permission.get("IpRanges", [])),
        *(source["CidrIpv6"] for source in permission.get("Ipv6Ranges", [])),
        *(source["PrefixListId"] for source in permission.get("PrefixListIds", [])),
    ]
    return frozenset((*ports, source) for source in listed)


def _inline_as_seen(given: list[Properties], seen: list[dict[str, Any]]) -> list[Properties]:
    """Returns the rules of a security group for the Pulumi state. If the rules in EC2 are equal to the inputs, returns
    the inputs. Otherwise returns the rules from EC2, and Pulumi shows the difference.
    """
    wanted = frozenset[tuple[object, ...]]().union(*(_sources(_inline(rule)) for rule in given))
    opened = frozenset[tuple[object, ...]]().union(*(_sources(permission) for permission in seen))
    if wanted == opened:
        return given
    return [
        {
            "protocol": permission["IpProtocol"],
            "fromPort": permission.get("FromPort", 0),
            "toPort": permission.get("ToPort", 0),
            "cidrBlocks": [source["CidrIp"] for source in permission.get("IpRanges", [])],
            "ipv6CidrBlocks": [source["CidrIpv6"] for source in permission.get("Ipv6Ranges", [])],
            "prefixListIds": [source["PrefixListId"] for source in permission.get("PrefixListIds", [])],
        }
        for permission in seen
    ]


def _describe_group(ec2: Api, id: str, state: Properties) -> Properties | None:
    group = only(ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"])
    return group and {
        "name": group["GroupName"],
        "description": group["Description"],
        "vpcId": group["VpcId"],
        **{
            name: _inline_as_seen(state[name], group[permissions])
            for name, permissions in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
            if name in state
        },
        **tags_of(group, state),
    }
