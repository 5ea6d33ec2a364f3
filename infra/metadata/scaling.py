"""Creates Application Auto Scaling for a provisioned DynamoDB table, separately for the replica in each region."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.metadata import Capacity


def scale(
    region: str, table: pulumi.Input[str], capacity: Capacity, opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    """Creates the auto scaling of a DynamoDB table: a target and a policy for its reads, and a target and a policy for
    its writes. Returns the policies.

    AWS accepts a replica of the table only after these policies exist.
    """
    policies: list[pulumi.Resource] = []
    for unit, (least, most) in (("Read", capacity.reads), ("Write", capacity.writes)):
        target = aws.appautoscaling.Target(
            f"{region}-{unit.lower()}s",
            region=region,
            service_namespace="dynamodb",
            resource_id=pulumi.Output.concat("table/", table),
            scalable_dimension=f"dynamodb:table:{unit}CapacityUnits",
            min_capacity=least,
            max_capacity=most,
            opts=opts,
        )
        policies.append(
            aws.appautoscaling.Policy(
                f"{region}-{unit.lower()}s",
                name=pulumi.Output.concat(table, f"-{unit.lower()}s"),
                region=region,
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                resource_id=target.resource_id,
                scalable_dimension=target.scalable_dimension,
                target_tracking_scaling_policy_configuration={
                    "target_value": capacity.target,
                    "predefined_metric_specification": {
                        "predefined_metric_type": f"DynamoDB{unit}CapacityUtilization",
                    },
                },
                opts=opts,
            )
        )
    return policies
