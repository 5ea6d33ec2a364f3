"""The standby on Cloud Storage: a copy of all objects, which clients need if the AWS account is lost. Storage Transfer
Service makes the copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp

from infra.blobs import Bucket, StandbyArgs
from infra.blobs.gcs_alarms import transfer_alarm
from infra.blobs.s3_policies import arn, key_use
from infra.exclusive import keep_only
from infra.iam import GOOGLE, Statement, allow, assumed_by_web_identity, document
from infra.observability import CloudMonitoringAlarm

_INTERVAL_SECONDS = 3600  # Storage Transfer Service accepts no shorter time between two transfers
# Roles that the transfer agent needs on the destination bucket (Storage Transfer Service, "Agentless transfer
# permissions").
_AGENT_ROLES = ("roles/storage.objectUser", "roles/storage.legacyBucketReader")


class Standby(pulumi.ComponentResource):
    """An hourly transfer from S3 to Cloud Storage. The transfer copies new and changed objects. It also deletes the
    objects that S3 no longer has.

    The transfer agent assumes an AWS role with its Google identity, so the agent needs no AWS keys. The soft delete of
    the Cloud Storage bucket keeps deleted objects for a limited time, in which operators can restore the objects.
    """

    alarms: Sequence[CloudMonitoringAlarm]

    def __init__(self, name: str, args: StandbyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:blobs:Standby", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        agent = gcp.storage.get_transfer_project_service_account_output(
            project=args.project, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        role = aws.iam.Role(
            "standby",
            name=f"{args.prefix}-standby",
            description="Storage Transfer Service copies the objects to Google Cloud",
            assume_role_policy=agent.subject_id.apply(lambda subject: document(_trust_statement(subject))),
            opts=child,
        )
        rights = aws.iam.RolePolicy(
            "standby",
            name="read-objects",
            role=role.name,
            policy=pulumi.Output.from_input(args.key).apply(lambda key: document(*_permissions(args.source, key))),
            opts=child,
        )
        keep_only("standby", role.name, [rights.name], self)
        grants = [
            gcp.storage.BucketIAMMember(
                f"standby-{number}",
                bucket=args.sink,
                role=granted,
                member=agent.email.apply(lambda email: f"serviceAccount:{email}"),
                opts=child,
            )
            for number, granted in enumerate(_AGENT_ROLES)
        ]
        job = f"{args.prefix}-standby"
        gcp.storage.TransferJob(
            "standby",
            name=f"transferJobs/{job}",
            project=args.project,
            description=f"{args.source.name} to Cloud Storage",
            transfer_spec={
                "aws_s3_data_source": {"bucket_name": args.source.name, "role_arn": role.arn},
                "gcs_data_sink": {"bucket_name": args.sink},
                "transfer_options": {"delete_objects_unique_in_sink": True, "overwrite_when": "DIFFERENT"},
            },
            # Storage Transfer Service requires a start date. A date in the past makes the first transfer run on the day
            # after the job is created.
            schedule={
                "schedule_start_date": {"year": 2026, "month": 1, "day": 1},
                "repeat_interval": f"{_INTERVAL_SECONDS}s",
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights, *grants]),
        )
        self.alarms = [transfer_alarm(job)]
        self.register_outputs({})


def _trust_statement(subject: str) -> Statement:
    """Returns the trust policy statement that lets Storage Transfer Service assume the AWS role. `subject` is the
    unique ID of the service account that Storage Transfer Service uses in the Google Cloud project.
    """
    return assumed_by_web_identity(GOOGLE, {f"{GOOGLE}:sub": subject})


def _permissions(source: Bucket, key: str) -> Sequence[Statement]:
    return [
        allow(["s3:GetBucketLocation", "s3:ListBucket"], arn(source.name)),
        allow("s3:GetObject", f"{arn(source.name)}/*"),
        key_use("kms:Decrypt", source, key),
    ]
