"""A Cloud Run service from Python source code, with the service's service account. The service also has an AWS role,
with which it reads its only secret.

The service runs on a base image that Google patches. Cloud Run adds the source code and the pure-Python distributions
that the code imports to this image, without a build ("Deploy services from source code"). Although the Pulumi resource
has a `build_config`, Cloud Run starts no build (hashicorp/terraform-provider-google#22263). A container image would
need a registry and a build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp

from infra import iam
from infra.exclusive import keep_only
from infra.serverless import ServiceArgs

PORT = 8080
_BASE_IMAGE = "{region}-docker.pkg.dev/serverless-runtimes/google-24-full/runtimes/python313"
_HEALTH = "/healthz"


@dataclass(frozen=True)
class Identity:
    """The identities of a Cloud Run service: the service account `member` on Google Cloud, and a role on AWS.

    `ready` holds the resources that must exist before the service starts.
    """

    email: pulumi.Output[str]
    member: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]


def identity(name: str, args: ServiceArgs, parent: pulumi.Resource) -> Identity:
    """Creates the service account and the AWS role of a Cloud Run service, as children of the component `parent`."""
    child = pulumi.ResourceOptions(parent=parent)
    full_name = f"{args.prefix}-{args.account}"
    account = gcp.serviceaccount.Account(
        name, account_id=full_name, display_name=args.description, opts=pulumi.ResourceOptions(parent=parent)
    )
    aws_account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=parent)).account_id
    arn = aws_account.apply(lambda known: f"arn:aws:iam::{known}:role/{full_name}")
    role = aws.iam.Role(
        name,
        name=full_name,
        description=f"{args.description}: reads its own secret",
        assume_role_policy=pulumi.Output.all(account.unique_id, arn).apply(
            lambda known: iam.document(iam.assumed_by_google_accounts([known[0]], known[1]))
        ),
        opts=child,
    )
    policy = aws.iam.RolePolicy(
        name,
        name="read-secret",
        role=role.name,
        policy=aws_account.apply(
            lambda known: iam.document(iam.read_secrets([args.secret_region], known, [args.secret_id]))
        ),
        opts=child,
    )
    keep_only(name, role.name, [policy.name], parent)
    return Identity(account.email, account.member, arn, [policy])


def service(
    name: str, args: ServiceArgs, who: Identity, parent: pulumi.Resource, after: Sequence[pulumi.Resource] = ()
) -> gcp.cloudrunv2.Service:
    """Creates the Pulumi resource of a Cloud Run service as a child of the component `parent`.

    The resources in `after` must exist before the service's first instance starts.
    """
    child = pulumi.ResourceOptions(parent=parent)
    code = gcp.storage.BucketObject(name, name=f"{name}.zip", bucket=args.sources, source=args.code.archive, opts=child)
    variables = {
        **args.variables,
        "AWS_ROLE_ARN": who.role_arn,
        "SECRET_ID": args.secret_id,
        "SECRET_REGION": args.secret_region,
    }
    made = gcp.cloudrunv2.Service(
        name,
        name=f"{args.prefix}-{name}",
        location=args.region,
        description=args.description,
        ingress="INGRESS_TRAFFIC_ALL" if args.open else "INGRESS_TRAFFIC_INTERNAL_ONLY",
        launch_stage="BETA",  # Cloud Run deploys sources without a build only in this launch stage
        # the service needs no protection from deletion, because it holds no data and `pulumi up` creates it again
        deletion_protection=False,
        template={
            "service_account": who.email,
            "execution_environment": "EXECUTION_ENVIRONMENT_GEN2",
            "scaling": {"min_instance_count": args.instances[0], "max_instance_count": args.instances[1]},
            "max_instance_request_concurrency": args.concurrency,
            "timeout": "30s",
            "containers": [
                {
                    "name": "main",
                    "image": "scratch",
                    "base_image_uri": _BASE_IMAGE.format(region=args.region),
                    "commands": ["python3"],
                    "args": ["-m", args.code.module],
                    "source_code": {
                        "cloud_storage_source": {
                            "bucket": code.bucket,
                            "object": code.name,
                            "generation": code.generation.apply(lambda number: str(number)),
                        }
                    },
                    "envs": [{"name": name, "value": value} for name, value in sorted(variables.items())],
                    "ports": {"container_port": PORT},
                    "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "cpu_idle": not args.cpu_always_allocated},
                    "startup_probe": {
                        "http_get": {"path": _HEALTH, "port": PORT},
                        "period_seconds": 2,
                        "failure_threshold": 30,
                    },
                    "liveness_probe": {
                        "http_get": {"path": _HEALTH, "port": PORT},
                        "period_seconds": 30,
                        "failure_threshold": 3,
                    },
                }
            ],
        },
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*who.ready, *after]),
    )
    if args.open:
        gcp.cloudrunv2.ServiceIamMember(
            name, location=made.location, name=made.name, role="roles/run.invoker", member="allUsers", opts=child
        )
    return made
