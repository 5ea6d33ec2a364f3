"""Policies that keep published data readable. The policies check deny statements in resource policies, and the
administrators of encryption keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import our_design, well_architected
from policies.framework.declare import each_resource, setting, statements, texts
from policies.framework.documents import BUCKET_POLICIES, RESOURCE_POLICIES, title_of
from policies.framework.iam_documents import allows, conditions_of, covers
from policies.framework.principals import principals
from policies.framework.relations import is_set

_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
_KEY_POLICIES = {"aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey", "aws:kms/keyPolicy:KeyPolicy"}
# KMS actions that make encrypted data unreadable, or that change which principals may use a key.
_ADMINISTRATION = [
    "kms:deleteimportedkeymaterial",
    "kms:disablekey",
    "kms:disablekeyrotation",
    "kms:putkeypolicy",
    "kms:schedulekeydeletion",
    "kms:updateprimaryregion",
]
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


@each_resource(
    "aws-iam-denials-conditional",
    "No bucket, key, queue, topic or endpoint refuses everything to everybody. Each denial has a condition.",
    of={*BUCKET_POLICIES, *RESOURCE_POLICIES, _ENDPOINT},
    severity=Severity.HIGH,
    control=our_design("published objects stay readable"),
    fix="Remove the statement, or name its principals, or add a condition that requests of the program do not meet",
)
def denials_conditional(args: ResourceValidationArgs) -> Iterator[str]:
    if not is_set(args, "policy"):
        return
    for number, statement in enumerate(statements(args.props.get("policy"))):
        if statement.get("Effect") != "Deny" or conditions_of(statement):
            continue
        if "NotPrincipal" in statement or "*" in principals(statement, "AWS"):
            denied = ", ".join(texts(statement.get("Action"))) or "all but some actions"
            yield f"{title_of(statement, number)} refuses {denied} to everybody"


@each_resource(
    "aws-kms-key-administered-by-account",
    "Only the account's administrators disable or delete a key or change its policy, and they always can.",
    of=_KEY_POLICIES,
    severity=Severity.CRITICAL,
    control=well_architected("SEC08-BP01"),
    fix="Give roles only the actions that encrypt and decrypt, and leave bypass_policy_lockout_safety_check out",
    config={"administrators": {**_STRINGS, "default": []}},
)
def administered_by_account(args: ResourceValidationArgs) -> Iterator[str]:
    administrators = setting(args, "administrators", [])
    if args.props.get("bypassPolicyLockoutSafetyCheck") is True:
        yield "bypassPolicyLockoutSafetyCheck is true, so its policy can lock the account out"
    for statement in statements(args.props.get("policy")):
        actions = [each for each in texts(statement.get("Action")) if covers(each, _ADMINISTRATION)]
        if not allows(statement) or not (actions or "NotAction" in statement):
            continue
        named = [each for provider in ("AWS", "Service", "Federated") for each in principals(statement, provider)]
        for each in named:
            if not each.endswith(":root") and each not in administrators:
                yield f"{each} may {', '.join(actions) or 'do all but some actions'}"


POLICIES: list[Policy] = [denials_conditional, administered_by_account]
