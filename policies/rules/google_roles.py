"""Policies for roles on Google Cloud: each member has only the roles that its work needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import cis_gcp
from policies.framework.declare import each_resource, setting, texts
from policies.rules.principals import GOOGLE_GRANTS, INVOKERS

# Maps a pattern for the names of IAM members on Google Cloud to the roles that the matching members need for their
# work.
_ROLES: Mapping[str, Sequence[str]] = {
    "allUsers": ["roles/run.invoker"],
    "group:cloud-storage-analytics@google.com": ["roles/storage.objectCreator"],
    "serviceAccount:*-answer@*": ["roles/run.invoker", "roles/spanner.databaseReader"],
    "serviceAccount:*-follow@*": ["roles/pubsub.publisher", "roles/spanner.databaseUser"],
    "serviceAccount:*-shield@*": ["roles/storage.objectViewer"],
    "serviceAccount:project-[0-9]*@storage-transfer-service.iam.gserviceaccount.com": [
        "roles/storage.legacyBucketReader",
        "roles/storage.objectUser",
    ],
    "serviceAccount:service-[0-9]*@gs-project-accounts.iam.gserviceaccount.com": [
        "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    ],
}


@each_resource(
    "gcp-iam-roles-of-member",
    "Each member on Google Cloud has only the roles that its work needs.",
    of={*GOOGLE_GRANTS, *INVOKERS},
    severity=Severity.HIGH,
    control=cis_gcp("1.5"),
    fix="Use a narrower role. A role that a member's work needs belongs in the policy's setting `roles`",
    config={"roles": {"type": "object", "default": _ROLES}},
)
def roles_of_member(args: ResourceValidationArgs) -> Iterator[str]:
    allowed: Mapping[str, Sequence[str]] = setting(args, "roles", _ROLES)
    role = str(args.props.get("role"))
    for member in [*texts(args.props.get("member")), *texts(args.props.get("members"))]:
        own = [each for pattern in allowed if fnmatchcase(member, pattern) for each in allowed[pattern]]
        if role not in own:
            yield f"{member} has {role}; its own are {', '.join(own) or 'none'}"


POLICIES: list[Policy] = [roles_of_member]
