"""IAM roles for GitHub's workflows that deploy an environment or detect drift. A workflow assumes its role with an
identity token from GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.permissions import boundary_name, deploying, reading, state_access, within_boundary
from infra.iam import assumed_by_web_identity, document

ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"
_HOUR = 3600
# The maximum duration of a session of a role, in seconds. AWS's default is one hour, but a deployment can take longer.
MOST_SECONDS = 2 * _HOUR


@dataclass(frozen=True)
class Repository:
    """A GitHub repository whose jobs may assume the IAM roles.

    `name` has the form `owner/name`. GitHub never reuses `owner_id` and `repository_id`. With
    `trust_subject_without_ids`, the roles also trust tokens whose subject contains only the names, without the IDs.
    GitHub issues such tokens to repositories that were created before 2026-07-15. GitHub would also issue them to
    somebody who later gets the same owner and repository name.
    """

    name: str
    owner_id: str
    repository_id: str
    trust_subject_without_ids: bool = False

    def subjects(self, environment: str) -> Sequence[str]:
        """Returns the subjects of the tokens that GitHub issues to jobs of a GitHub environment.

        Source: GitHub Docs, "OpenID Connect reference", "Immutable subject claims". The subject contains IDs of owner
        and repository if the repository was created or renamed since 2026-07-15.
        """
        owner, _, name = self.name.partition("/")
        with_ids = f"repo:{owner}@{self.owner_id}/{name}@{self.repository_id}:environment:{environment}"
        without_ids = f"repo:{self.name}:environment:{environment}"
        return [with_ids, *([without_ids] if self.trust_subject_without_ids else [])]


@dataclass(frozen=True)
class RolesArgs:
    """Arguments of the component that creates the IAM roles for GitHub's workflows.

    `bucket` is the bucket that stores Pulumi's state, and `key_arn` is the ARN of the KMS key that encrypts the state.
    """

    repository: Repository
    environments: Sequence[str]
    bucket: str
    key_arn: pulumi.Input[str]


class Roles(pulumi.ComponentResource):
    """Two IAM roles for each environment of the edge network: one deploys, and one detects drift.

    Only jobs of one GitHub repository can assume a role. The jobs must run in the GitHub environment `<environment>`
    for deployments, and in `<environment>-drift` for drift detection. `deploy` maps each environment to the ARN of its
    role for deployments, and `drift` maps it to the ARN of its role for drift detection. The role for deployments
    creates roles for machines and functions. `boundaries` maps each environment to the ARN of the permissions boundary
    that limits those roles.
    """

    deploy: Mapping[str, pulumi.Output[str]]
    drift: Mapping[str, pulumi.Output[str]]
    boundaries: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:bootstrap:Roles", name, None, opts)
        self._args = args
        self._account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        # The OpenID Connect provider needs no thumbprint of GitHub's certificate, because AWS validates the certificate
        # with its own list of certificate authorities.
        self._issuer = aws.iam.OpenIdConnectProvider(
            "github",
            url=f"https://{ISSUER}",
            client_id_lists=[_AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.deploy = {environment: self._role(environment, may_write=True) for environment in args.environments}
        self.drift = {environment: self._role(environment, may_write=False) for environment in args.environments}
        self.boundaries = {environment: self._boundary(environment) for environment in args.environments}
        self.register_outputs({"deploy": self.deploy, "drift": self.drift})

    def _role(self, environment: str, *, may_write: bool) -> pulumi.Output[str]:
        args, child = self._args, pulumi.ResourceOptions(parent=self)
        purpose = "deploy" if may_write else "drift"
        name = f"{environment}-{purpose}"
        subjects = args.repository.subjects(environment if may_write else name)
        role = aws.iam.Role(
            name,
            name=f"artifact-edge-bootstrap-{name}",
            description=f"GitHub's workflow {purpose} of {args.repository.name}, environment {environment}",
            assume_role_policy=self._issuer.arn.apply(lambda arn: _trust(arn, subjects)),
            max_session_duration=MOST_SECONDS,
            opts=child,
        )

        def permission_documents(known: Sequence[str]) -> Mapping[str, str]:
            account, key = known
            documents = {
                "state": state_access(args.bucket, key, environment, may_write),
                "read": reading(account, environment, may_write),
                **({"change": deploying(account, environment)} if may_write else {}),
            }
            return {part: document(statements) for part, statements in documents.items()}

        documents = pulumi.Output.all(self._account, args.key_arn).apply(permission_documents)
        for part in ("state", "read", *(["change"] if may_write else [])):
            aws.iam.RolePolicy(f"{name}-{part}", name=part, role=role.name, policy=documents[part], opts=child)
        return role.arn

    def _boundary(self, environment: str) -> pulumi.Output[str]:
        policy = aws.iam.Policy(
            f"{environment}-boundary",
            name=boundary_name(environment),
            description=f"The most that roles of machines and functions may do, environment {environment}",
            policy=self._account.apply(lambda account: document(within_boundary(account, environment))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return policy.arn


def _trust(provider: str, subjects: Sequence[str]) -> str:
    """Returns the trust policy that lets only jobs of one GitHub environment assume the role.

    Such jobs have passed the protection rules of the GitHub environment (GitHub, "About security hardening with OpenID
    Connect").
    """
    return document(assumed_by_web_identity(provider, {f"{ISSUER}:aud": _AUDIENCE, f"{ISSUER}:sub": subjects}))
