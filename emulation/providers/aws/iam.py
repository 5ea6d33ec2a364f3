"""Creates, reads, changes and deletes the IAM resources of the emulated AWS: roles, their inline policies, managed
policies, instance profiles and identity providers. Also looks up the identity of the caller.
"""

from __future__ import annotations

import json

import pulumi_aws as aws

from emulation.providers.aws.clients import client, removed_tags, tag_list, tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.documents import in_given_form
from emulation.providers.handler import Handler, Properties

# The maximum session length of an IAM role that does not set its own maximum, in seconds (IAM API, "CreateRole":
# MaxSessionDuration).
_SESSION_SECONDS = 3600


def handlers() -> list[Handler]:
    """Returns the handlers of the IAM resource types. IAM is global, so none of these types has a region."""
    return [
        Described(
            aws.iam.Role,
            "iam",
            make=_make_role,
            describe=_describe_role,
            remove=lambda iam, id, state: iam.delete_role(RoleName=id),
            change=_change_role,
            replace_on=frozenset({"name", "path"}),
        ),
        Described(
            aws.iam.RolePolicy,
            "iam",
            make=_put_policy,
            describe=_describe_policy,
            remove=lambda iam, id, state: iam.delete_role_policy(RoleName=state["role"], PolicyName=state["name"]),
            change=lambda iam, id, old, new: _put_policy(iam, new),
            replace_on=frozenset({"name", "role"}),
        ),
        Described(
            aws.iam.Policy,
            "iam",
            make=_make_managed_policy,
            describe=_describe_managed_policy,
            remove=_remove_managed_policy,
            change=_change_managed_policy,
            replace_on=frozenset({"name", "path", "description", "tags"}),
        ),
        Described(
            aws.iam.InstanceProfile,
            "iam",
            make=_make_profile,
            describe=_describe_profile,
            remove=_remove_profile,
            replace_on=frozenset({"name", "role", "path", "tags"}),
        ),
        Described(
            aws.iam.OpenIdConnectProvider,
            "iam",
            make=_make_issuer,
            describe=_describe_issuer,
            remove=lambda iam, id, state: iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=id),
            change=_change_issuer,
            # IAM can change the audiences of an identity provider in place, but moto, which emulates AWS, cannot.
            # Pulumi therefore replaces the identity provider if its audiences change.
            replace_on=frozenset({"url", "clientIdLists"}),
        ),
    ]


class CallerIdentity:
    """Serves the Pulumi data source `aws:index/getCallerIdentity:getCallerIdentity`: the account and user of the AWS
    credentials."""

    token = "aws:index/getCallerIdentity:getCallerIdentity"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        caller = client("sts", arguments).get_caller_identity()
        return {
            "id": caller["Account"],
            "accountId": caller["Account"],
            "arn": caller["Arn"],
            "userId": caller["UserId"],
        }


def _make_role(iam: Api, inputs: Properties) -> str:
    return iam.create_role(
        RoleName=inputs["name"],
        Description=inputs.get("description", ""),
        **_boundary(inputs),
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        MaxSessionDuration=int(inputs.get("maxSessionDuration", _SESSION_SECONDS)),
        Tags=tag_list(inputs.get("tags")),
    )["Role"]["RoleName"]


def _describe_role(iam: Api, id: str, state: Properties) -> Properties | None:
    role = iam.get_role(RoleName=id)["Role"]
    return {
        "name": id,
        "arn": role["Arn"],
        "uniqueId": role["RoleId"],
        "description": role.get("Description", ""),
        "maxSessionDuration": role.get("MaxSessionDuration", _SESSION_SECONDS),
        "assumeRolePolicy": in_given_form(role["AssumeRolePolicyDocument"], state.get("assumeRolePolicy")),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        **tags_of(role, state),
    }


def _boundary(inputs: Properties) -> Properties:
    return {"PermissionsBoundary": inputs["permissionsBoundary"]} if inputs.get("permissionsBoundary") else {}


def _change_role(iam: Api, id: str, old: Properties, new: Properties) -> None:
    """Changes the settings of an IAM role in place. The order is: the trust policy, the description and session length,
    the permissions boundary, and the tags.

    As in the real provider (terraform-provider-aws, `resourceRoleUpdate`), a separate API call changes each setting
    that differs. Each API call needs its own permission.
    """
    if json.loads(old["assumeRolePolicy"]) != json.loads(new["assumeRolePolicy"]):
        iam.update_assume_role_policy(RoleName=id, PolicyDocument=new["assumeRolePolicy"])
    if _described_settings(old) != _described_settings(new):
        iam.update_role(RoleName=id, **_described_settings(new))
    if _boundary(old) != _boundary(new):
        if _boundary(new):
            iam.put_role_permissions_boundary(RoleName=id, **_boundary(new))
        else:
            iam.delete_role_permissions_boundary(RoleName=id)
    if gone := removed_tags(old, new):
        iam.untag_role(RoleName=id, TagKeys=gone)
    if new.get("tags"):
        iam.tag_role(RoleName=id, Tags=tag_list(new["tags"]))


def _described_settings(inputs: Properties) -> Properties:
    return {
        "Description": inputs.get("description", ""),
        "MaxSessionDuration": int(inputs.get("maxSessionDuration", _SESSION_SECONDS)),
    }


def _make_issuer(iam: Api, inputs: Properties) -> str:
    arn: str = iam.create_open_id_connect_provider(
        Url=inputs["url"],
        ClientIDList=inputs.get("clientIdLists", []),
        ThumbprintList=inputs.get("thumbprintLists", []),
        Tags=tag_list(inputs.get("tags")),
    )["OpenIDConnectProviderArn"]
    return arn


def _describe_issuer(iam: Api, id: str, state: Properties) -> Properties | None:
    """Returns the outputs of an IAM identity provider. The API returns the provider's URL without `https://`, so the
    function adds this prefix.
    """
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=id)
    return {
        "arn": id,
        "url": f"https://{found['Url'].removeprefix('https://')}",
        "clientIdLists": found["ClientIDList"],
        "thumbprintLists": found["ThumbprintList"],
        **tags_of(found, state),
    }


def _change_issuer(iam: Api, id: str, old: Properties, new: Properties) -> None:
    if "thumbprintLists" in new:
        iam.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=id, ThumbprintList=new["thumbprintLists"]
        )
    if gone := removed_tags(old, new):
        iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=id, TagKeys=gone)
    if new.get("tags"):
        iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=id, Tags=tag_list(new["tags"]))


def _put_policy(iam: Api, inputs: Properties) -> str:
    iam.put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
    return f"{inputs['role']}:{inputs['name']}"


def _describe_policy(iam: Api, id: str, state: Properties) -> Properties | None:
    role, name = id.split(":", 1)
    found = iam.get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": in_given_form(found["PolicyDocument"], state.get("policy"))}


def _make_managed_policy(iam: Api, inputs: Properties) -> str:
    made = iam.create_policy(
        PolicyName=inputs["name"],
        Description=inputs.get("description", ""),
        PolicyDocument=inputs["policy"],
        Tags=tag_list(inputs.get("tags")),
    )
    return made["Policy"]["Arn"]


def _describe_managed_policy(iam: Api, id: str, state: Properties) -> Properties | None:
    found = iam.get_policy(PolicyArn=id)["Policy"]
    version = iam.get_policy_version(PolicyArn=id, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return {
        "name": found["PolicyName"],
        "arn": id,
        "policyId": found["PolicyId"],
        "policy": in_given_form(version["Document"], state.get("policy")),
        **tags_of(found, state),
    }


def _change_managed_policy(iam: Api, id: str, old: Properties, new: Properties) -> None:
    """Adds a new version to a managed IAM policy and makes it the default version.

    IAM keeps at most five versions of a policy, so the function first deletes all versions except the current default.
    """
    _remove_versions(iam, id)
    iam.create_policy_version(PolicyArn=id, PolicyDocument=new["policy"], SetAsDefault=True)


def _remove_managed_policy(iam: Api, id: str, state: Properties) -> None:
    _remove_versions(iam, id)
    iam.delete_policy(PolicyArn=id)


def _remove_versions(iam: Api, id: str) -> None:
    for version in iam.list_policy_versions(PolicyArn=id)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=id, VersionId=version["VersionId"])


def _make_profile(iam: Api, inputs: Properties) -> str:
    name = inputs["name"]
    iam.create_instance_profile(InstanceProfileName=name, Tags=tag_list(inputs.get("tags")))
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=inputs["role"])
    return name


def _describe_profile(iam: Api, id: str, state: Properties) -> Properties | None:
    profile = iam.get_instance_profile(InstanceProfileName=id)["InstanceProfile"]
    roles = [role["RoleName"] for role in profile["Roles"]]
    return {
        "name": id,
        "arn": profile["Arn"],
        "uniqueId": profile["InstanceProfileId"],
        "role": roles[0] if roles else None,
        **tags_of(profile, state),
    }


def _remove_profile(iam: Api, id: str, state: Properties) -> None:
    for role in iam.get_instance_profile(InstanceProfileName=id)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=id, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=id)
