"""Finds the ARNs of the resources that an AWS API call acts on, from the call's parameters.

Source of the ARNs: AWS, Service Authorization Reference, "Resource types".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends

from emulation.aws.api_calls import ApiCall
from emulation.layout import AWS_ACCOUNT_ID

# Maps each AWS service to its API parameters that contain names or IDs of resources. Each parameter is mapped to the
# ARN pattern of these resources. In a pattern, `{}` stands for the parameter's value, `{region}` for the region of the
# call and `{account}` for the account. If a parameter's value already is an ARN, this ARN is used and not the pattern.
_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "acm": {"CertificateArn": "{}"},
    "application-autoscaling": {},
    "cloudwatch": {
        "AlarmName": "arn:aws:cloudwatch:{region}:{account}:alarm:{}",
        "AlarmNames": "arn:aws:cloudwatch:{region}:{account}:alarm:{}",
        "DashboardName": "arn:aws:cloudwatch::{account}:dashboard/{}",
        "DashboardNames": "arn:aws:cloudwatch::{account}:dashboard/{}",
        "ResourceARN": "{}",
    },
    "dynamodb": {
        "TableName": "arn:aws:dynamodb:{region}:{account}:table/{}",
        "ResourceArn": "{}",
    },
    "dynamodbstreams": {"StreamArn": "{}"},
    "events": {
        "Name": "arn:aws:events:{region}:{account}:rule/{}",
        "Rule": "arn:aws:events:{region}:{account}:rule/{}",
        "ResourceARN": "{}",
    },
    "globalaccelerator": {
        "AcceleratorArn": "{}",
        "EndpointGroupArn": "{}",
        "ListenerArn": "{}",
        "ResourceArn": "{}",
    },
    "iam": {
        "RoleName": "arn:aws:iam::{account}:role/{}",
        "InstanceProfileName": "arn:aws:iam::{account}:instance-profile/{}",
        "PolicyArn": "{}",
        "OpenIDConnectProviderArn": "{}",
    },
    "kms": {
        "KeyId": "arn:aws:kms:{region}:{account}:key/{}",
        "TargetKeyId": "arn:aws:kms:{region}:{account}:key/{}",
        "AliasName": "arn:aws:kms:{region}:{account}:{}",
    },
    "lambda": {
        "FunctionName": "arn:aws:lambda:{region}:{account}:function:{}",
        "UUID": "arn:aws:lambda:{region}:{account}:event-source-mapping:{}",
        "Resource": "{}",
    },
    "logs": {
        "logGroupName": "arn:aws:logs:{region}:{account}:log-group:{}",
        "resourceArn": "{}",
    },
    "resourcegroupstaggingapi": {},
    "route53": {
        "HostedZoneId": "arn:aws:route53:::hostedzone/{}",
        "HealthCheckId": "arn:aws:route53:::healthcheck/{}",
    },
    "secretsmanager": {"SecretId": "{}"},
    "sns": {
        "TopicArn": "{}",
        "ResourceArn": "{}",
        "Name": "arn:aws:sns:{region}:{account}:{}",
    },
    "sqs": {
        "QueueName": "arn:aws:sqs:{region}:{account}:{}",
        "QueueUrl": "arn:aws:sqs:{region}:{account}:{}",
    },
    "ssm": {
        "Name": "arn:aws:ssm:{region}:{account}:parameter{}",
        "Path": "arn:aws:ssm:{region}:{account}:parameter{}",
        "ResourceId": "arn:aws:ssm:{region}:{account}:parameter{}",
    },
    "sts": {"RoleArn": "{}"},
}

# Maps each parameter of the EC2 API that contains a resource's ID to the type of the resource.
_EC2_PARAMETERS = {
    "AllocationId": "elastic-ip",
    "GroupId": "security-group",
    "InstanceId": "instance",
    "InstanceIds": "instance",
    "InternetGatewayId": "internet-gateway",
    "RouteTableId": "route-table",
    "RouteTableIds": "route-table",
    "SecurityGroupIds": "security-group",
    "SubnetId": "subnet",
    "VpcEndpointIds": "vpc-endpoint",
    "VpcId": "vpc",
}
# Maps EC2 operations to the types of resources that IAM checks even if the call contains no ID of such a resource. Most
# of these operations create the resource, so it has no ID yet (Service Authorization Reference).
_EC2_WITHOUT_ID = {
    "AllocateAddress": ("elastic-ip",),
    "CreateInternetGateway": ("internet-gateway",),
    "CreateRouteTable": ("route-table",),
    "CreateSecurityGroup": ("security-group",),
    "CreateSubnet": ("subnet",),
    "CreateVpc": ("vpc",),
    "CreateVpcEndpoint": ("vpc-endpoint",),
    "DisassociateAddress": ("elastic-ip", "network-interface"),
    "DisassociateRouteTable": ("route-table", "subnet"),
    "RunInstances": ("instance", "network-interface", "volume"),
}
# API operations that IAM evaluates only against the resource "*", although each operation has a parameter that names a
# resource (Service Authorization Reference, column "Resource types").
_WITHOUT_RESOURCE_TYPE = {
    ("lambda", "CreateEventSourceMapping"),
    ("logs", "DescribeLogGroups"),
    ("dynamodbstreams", "ListStreams"),
}
# Maps an API operation that creates a resource to two values: the parameter that contains the name or URL of the new
# resource, and the pattern of the resource's ARN. These patterns apply in addition to `_PATTERNS`.
_CREATED = {
    ("iam", "CreateOpenIDConnectProvider"): ("Url", "arn:aws:iam::{account}:oidc-provider/{}"),
    ("iam", "CreatePolicy"): ("PolicyName", "arn:aws:iam::{account}:policy/{}"),
}
# API parameters that name a resource, such as a role, and that IAM ignores in a given operation. IAM checks no
# permission for such a resource, because the operation's IAM action does not apply to this type of resource.
_NOT_OF_ACTION = {
    ("iam", "AddRoleToInstanceProfile"): "RoleName",
    ("iam", "RemoveRoleFromInstanceProfile"): "RoleName",
    ("lambda", "UpdateEventSourceMapping"): "FunctionName",
}


def resources(call: ApiCall) -> Sequence[str]:
    """Returns the ARNs of the resources that an API call acts on. Returns `*`, which stands for any resource, if the
    call acts on no particular resource.
    """
    if call.service == "ec2":
        found = list(_of_ec2(call))
    elif (call.service, call.operation) in _WITHOUT_RESOURCE_TYPE:
        found = []
    else:
        found = list(_of_parameters(call))
    return found or ["*"]


def role_arn(name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:iam::{AWS_ACCOUNT_ID}:role/{name}"


def roles_of_profile(name: str) -> list[str]:
    """Returns the ARNs of the IAM roles in an instance profile."""
    profiles: Any = iam_backends[AWS_ACCOUNT_ID]["aws"].instance_profiles
    return [role.arn for profile in profiles.values() if profile.name == name for role in profile.roles]


def key_arn(key: str, region: str) -> str:
    """Returns the ARN of a KMS key from its ID, its ARN or an alias."""
    backend: Any = kms_backends[AWS_ACCOUNT_ID][region]
    name = key.rpartition(":")[2]
    found = backend.get_key_id_from_alias(name) if name.startswith("alias/") else None
    return f"arn:aws:kms:{region}:{AWS_ACCOUNT_ID}:key/{found or name.removeprefix('key/')}"


def _of_parameters(call: ApiCall) -> Iterator[str]:
    if call.service == "application-autoscaling" and not call.operation.startswith("Describe"):
        # The last part of a scalable target's ARN is an ID. AWS chooses this ID, and the API call does not contain it.
        # The ARN therefore ends in `*`, which stands for all scalable targets of the region.
        yield f"arn:aws:application-autoscaling:{call.region}:{AWS_ACCOUNT_ID}:scalable-target/*"
    if (call.service, call.operation) == ("cloudwatch", "DescribeAlarms"):
        yield f"arn:aws:cloudwatch:{call.region}:{AWS_ACCOUNT_ID}:alarm:*"
        return
    if call.service == "route53" and "ResourceType" in call.parameters:
        yield f"arn:aws:route53:::{call.parameters['ResourceType']}/{call.parameters['ResourceId']}"
        return
    if created := _CREATED.get((call.service, call.operation)):
        parameter, pattern = created
        yield _arn(call, parameter, pattern, call.parameters[parameter].removeprefix("https://"))
    for parameter, value in call.parameters.items():
        if parameter == _NOT_OF_ACTION.get((call.service, call.operation)):
            continue
        # In calls of the Route 53 API, the parameter `Id` in the URL path is the ID of a hosted zone.
        named = "HostedZoneId" if (call.service, parameter) == ("route53", "Id") else parameter
        pattern = _PATTERNS[call.service].get(named)
        for each in cast(list[str], value if isinstance(value, list) else [value]) if pattern else ():
            yield _arn(call, named, pattern or "", each)


def _arn(call: ApiCall, parameter: str, pattern: str, value: str) -> str:
    if parameter in ("KeyId", "TargetKeyId"):
        return key_arn(value, call.region)
    if parameter == "SecretId":
        return _secret_arn(value, call.region)
    if value.startswith("arn:"):
        return value
    name = value.rpartition("/")[2] if parameter in ("QueueUrl", "HostedZoneId") else value
    return pattern.replace("{region}", call.region).replace("{account}", AWS_ACCOUNT_ID).replace("{}", name)


def _secret_arn(secret: str, region: str) -> str:
    """Returns the ARN of a secret in Secrets Manager. AWS ends such an ARN with six random characters. For a secret
    that does not exist, the ARN ends in six question marks.
    """
    backend: Any = secretsmanager_backends[AWS_ACCOUNT_ID][region]
    if secret.startswith("arn:"):
        return secret
    found = backend.secrets.get(secret)
    return found.arn if found else f"arn:aws:secretsmanager:{region}:{AWS_ACCOUNT_ID}:secret:{secret}-??????"


def _of_ec2(call: ApiCall) -> Iterator[str]:
    """Yields the ARNs of the resources that an EC2 call needs permissions for. Operations that only describe resources
    need permissions for `*`.
    """
    if call.operation.startswith("Describe"):
        return
    within = f"arn:aws:ec2:{call.region}:{AWS_ACCOUNT_ID}"
    for kind in _EC2_WITHOUT_ID.get(call.operation, ()):
        yield f"{within}:{kind}/*"
    for parameter, value in call.parameters.items():
        if parameter == "ImageId":
            yield f"arn:aws:ec2:{call.region}::image/{value}"
        if kind := _EC2_PARAMETERS.get(parameter):
            for id in cast(list[str], value if isinstance(value, list) else [value]):
                yield f"{within}:{kind}/{id}"
    # The parameter `Resources` of CreateTags and DeleteTags lists IDs of resources of any type. The prefix of each ID
    # shows the type of the resource.
    for id in call.parameters.get("Resources", []):
        yield f"{within}:{_EC2_PREFIXES[id.rpartition('-')[0]]}/{id}"


_EC2_PREFIXES = {
    "eipalloc": "elastic-ip",
    "i": "instance",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
