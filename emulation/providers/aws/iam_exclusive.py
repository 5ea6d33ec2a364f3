"""Makes the policies that a Pulumi resource lists the only policies of an IAM role. One resource type lists the inline
policies of the role, and another one lists the attached policies.

A resource of either type exists as long as its role exists. The deletion of the resource changes nothing in IAM
(documentation of the AWS provider, `iam_role_policies_exclusive` and `iam_role_policy_attachments_exclusive`).
"""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers of two Pulumi resource types. A resource of the first type lists all inline policies of a
    role, and a resource of the second type lists all attached policies. The handlers remove unlisted policies from the
    role. IAM is global, so these types have no region.
    """
    return [
        Described(
            aws.iam.RolePoliciesExclusive,
            "iam",
            make=_remove_other_policies,
            describe=lambda iam, id, state: {
                "roleName": id,
                "policyNames": _in_given_order(_inline(iam, id), state.get("policyNames")),
            },
            remove=lambda iam, id, state: None,
            change=lambda iam, id, old, new: _remove_other_policies(iam, new),
            replace_on=frozenset({"roleName"}),
        ),
        Described(
            aws.iam.RolePolicyAttachmentsExclusive,
            "iam",
            make=_attach_only,
            describe=lambda iam, id, state: {
                "roleName": id,
                "policyArns": _in_given_order(_attached(iam, id), state.get("policyArns")),
            },
            remove=lambda iam, id, state: None,
            change=lambda iam, id, old, new: _attach_only(iam, new),
            replace_on=frozenset({"roleName"}),
        ),
    ]


def _inline(iam: Api, role: str) -> list[str]:
    return [name for page in _pages(iam, "list_role_policies", role) for name in page["PolicyNames"]]


def _attached(iam: Api, role: str) -> list[str]:
    pages = _pages(iam, "list_attached_role_policies", role)
    return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _pages(iam: Api, operation: str, role: str) -> list[Properties]:
    return list(iam.get_paginator(operation).paginate(RoleName=role))


def _remove_other_policies(iam: Api, inputs: Properties) -> str:
    role: str = inputs["roleName"]
    for name in _inline(iam, role):
        if name not in inputs["policyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    return role


def _attach_only(iam: Api, inputs: Properties) -> str:
    role, wanted, found = inputs["roleName"], inputs["policyArns"], _attached(iam, inputs["roleName"])
    for arn in found:
        if arn not in wanted:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in wanted:
        if arn not in found:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return role


def _in_given_order(found: list[str], given: list[str] | None) -> list[str]:
    """Returns `found` in the order of `given` if both lists have the same members, so that Pulumi shows no difference.
    Otherwise returns `found` in sorted order.
    """
    return given if given is not None and sorted(given) == sorted(found) else sorted(found)
