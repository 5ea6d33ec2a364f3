"""Creates, reads, changes and deletes Application Auto Scaling resources for the emulated AWS provider: scalable
targets and target tracking policies.
"""

from __future__ import annotations

import pulumi_aws as aws

from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers of scalable targets and scaling policies. If the scaled resource in the inputs changes,
    Pulumi replaces the scalable target or the policy. The settings of a policy can change in place.
    """
    place = frozenset({"region", "resourceId", "scalableDimension", "serviceNamespace"})
    return [
        Described(
            aws.appautoscaling.Target,
            "application-autoscaling",
            make=lambda api, inputs: _register(api, inputs, Tags=inputs.get("tags", {})),
            describe=_describe_target,
            remove=lambda api, id, state: api.deregister_scalable_target(**_target_key(state)),
            change=lambda api, id, old, new: _register(api, new),
            replace_on=place,
        ),
        Described(
            aws.appautoscaling.Policy,
            "application-autoscaling",
            make=_put_policy,
            describe=_describe_policy,
            remove=lambda api, id, state: api.delete_scaling_policy(PolicyName=state["name"], **_target_key(state)),
            change=lambda api, id, old, new: _put_policy(api, new),
            replace_on=place | {"name", "policyType"},
        ),
    ]


def _target_key(inputs: Properties) -> dict[str, str]:
    return {
        "ServiceNamespace": inputs["serviceNamespace"],
        "ResourceId": inputs["resourceId"],
        "ScalableDimension": inputs["scalableDimension"],
    }


def _register(api: Api, inputs: Properties, **more: Properties) -> str:
    """Registers a scalable target, or changes its limits. moto ignores the tags of a new target, which IAM checks."""
    limits = {"MinCapacity": inputs["minCapacity"], "MaxCapacity": inputs["maxCapacity"]}
    api.register_scalable_target(**_target_key(inputs), **limits, **more)
    return inputs["resourceId"]


def _describe_target(api: Api, id: str, state: Properties) -> Properties | None:
    place = _target_key(state)
    found = api.describe_scalable_targets(
        ServiceNamespace=place["ServiceNamespace"],
        ResourceIds=[place["ResourceId"]],
        ScalableDimension=place["ScalableDimension"],
    )["ScalableTargets"]
    if not found:
        return None
    return {"minCapacity": found[0]["MinCapacity"], "maxCapacity": found[0]["MaxCapacity"], **_region(api)}


def _put_policy(api: Api, inputs: Properties) -> str:
    configuration = inputs["targetTrackingScalingPolicyConfiguration"]
    api.put_scaling_policy(
        PolicyName=inputs["name"],
        PolicyType=inputs["policyType"],
        **_target_key(inputs),
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(configuration["targetValue"]),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": configuration["predefinedMetricSpecification"]["predefinedMetricType"]
            },
        },
    )
    return inputs["name"]


def _describe_policy(api: Api, id: str, state: Properties) -> Properties | None:
    place = _target_key(state)
    found = api.describe_scaling_policies(
        PolicyNames=[state["name"]], ServiceNamespace=place["ServiceNamespace"], ResourceId=place["ResourceId"]
    )["ScalingPolicies"]
    (policy,) = [each for each in found if each["ScalableDimension"] == place["ScalableDimension"]] or (None,)
    if policy is None:
        return None
    described = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = {"predefinedMetricType": described["PredefinedMetricSpecification"]["PredefinedMetricType"]}
    tracking = {"targetValue": described["TargetValue"], "predefinedMetricSpecification": metric}
    return {"targetTrackingScalingPolicyConfiguration": tracking, "arn": policy["PolicyARN"], **_region(api)}


def _region(api: Api) -> Properties:
    return {"region": api.meta.region_name}
