"""Searches the clouds for resources with given inputs. The module covers the resource types whose IDs the cloud
chooses.

A search can find several resources, because a Pulumi engine that was killed earlier may have left another resource with
the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError
from cloudflare import Cloudflare

from drift import cloud_monitoring
from drift.identifiers import Inputs

Found = Iterator[str]

# The only region in which the API of AWS Global Accelerator answers requests.
_ACCELERATORS = "us-west-2"


def found(type_token: str, inputs: Inputs) -> Found | None:
    """Returns an iterator over the IDs of existing cloud resources with the given type and inputs, or None if this
    module cannot search for the type.
    """
    search = _SEARCHES.get(type_token)
    return search(inputs) if search else None


def _tags(inputs: Inputs) -> set[tuple[str, str]]:
    return set(cast(Mapping[str, str], inputs.get("tagsAll") or inputs.get("tags") or {}).items())


def _has_tags(inputs: Inputs, listed: list[dict[str, str]]) -> bool:
    return _tags(inputs) <= {(tag["Key"], tag["Value"]) for tag in listed}


def _ec2(operation: str, members: str, id: str, /, **fields: str) -> Callable[[Inputs], Found]:
    """Returns a function that takes the inputs of a Pulumi resource, and yields the IDs of the EC2 resources that have
    the same tags and inputs.

    `fields` maps names of inputs to names of fields in the API's response. The search compares only inputs that have a
    value. It treats a field that is missing in the response as equal, because AWS sets some fields later. For example,
    an Elastic IP address has no instance before it is attached to one.
    """

    def search(inputs: Inputs) -> Found:
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(_tags(inputs))]
        answer = getattr(_client("ec2", inputs), operation)(Filters=filters)
        for part in answer.get("Reservations", [answer]):
            for each in part[members]:
                state = each.get("State", "")
                ending = (state["Name"] if isinstance(state, dict) else state).lower()  # pyright: ignore
                given = {called: inputs[name] for name, called in fields.items() if inputs.get(name)}
                same = all(each.get(called) in (None, "", value) for called, value in given.items())
                if same and ending not in ("deleting", "deleted", "shutting-down", "terminated"):
                    yield each[id]

    return search


def _address_association(inputs: Inputs) -> Found:
    filters = [{"Name": "allocation-id", "Values": [inputs["allocationId"]]}]
    for each in _client("ec2", inputs).describe_addresses(Filters=filters)["Addresses"]:
        if each.get("InstanceId") == inputs["instanceId"]:
            yield each["AssociationId"]


def _association(inputs: Inputs) -> Found:
    filters = [{"Name": "association.subnet-id", "Values": [inputs["subnetId"]]}]
    for table in _client("ec2", inputs).describe_route_tables(Filters=filters)["RouteTables"]:
        for each in table["Associations"]:
            if each.get("SubnetId") == inputs["subnetId"]:
                yield each["RouteTableAssociationId"]


def _key(inputs: Inputs) -> Found:
    kms = _client("kms", inputs)
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            about = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if about["KeyState"].startswith("Pending") or about["Description"] != inputs.get("description", ""):
                continue
            tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
            if _has_tags(inputs, [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags]):
                yield key["KeyId"]


def _certificate(inputs: Inputs) -> Found:
    acm = _client("acm", inputs)
    for page in acm.get_paginator("list_certificates").paginate(Includes={"keyTypes": [inputs["keyAlgorithm"]]}):
        for each in page["CertificateSummaryList"]:
            arn = each["CertificateArn"]
            tags = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
            if each["DomainName"] == inputs["domainName"] and _has_tags(inputs, tags):
                yield arn


def _policy(inputs: Inputs) -> Found:
    for page in _client("iam", inputs).get_paginator("list_policies").paginate(Scope="Local"):
        yield from (each["Arn"] for each in page["Policies"] if each["PolicyName"] == inputs["name"])


def _oidc_provider(inputs: Inputs) -> Found:
    # The ARN of an identity provider ends with the provider's URL without `https://` (IAM User Guide, "IAM
    # identifiers").
    host = inputs["url"].removeprefix("https://")
    for each in _client("iam", inputs).list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        if each["Arn"].partition("/")[2] == host:
            yield each["Arn"]


def _topic(inputs: Inputs) -> Found:
    for page in _client("sns", inputs).get_paginator("list_topics").paginate():
        yield from (each["TopicArn"] for each in page["Topics"] if each["TopicArn"].endswith(f":{inputs['name']}"))


def _subscription(inputs: Inputs) -> Found:
    pages = _client("sns", inputs).get_paginator("list_subscriptions_by_topic")
    for page in pages.paginate(TopicArn=inputs["topic"]):
        for each in page["Subscriptions"]:
            if (each["Protocol"], each["Endpoint"]) == (inputs["protocol"], inputs["endpoint"]):
                yield each["SubscriptionArn"]


def _queue(inputs: Inputs) -> Found:
    try:
        yield _client("sqs", inputs).get_queue_url(QueueName=inputs["name"])["QueueUrl"]
    except ClientError as error:
        if "NonExistentQueue" not in error.response.get("Error", {}).get("Code", ""):
            raise


def _mapping(inputs: Inputs) -> Found:
    pages = _client("lambda", inputs).get_paginator("list_event_source_mappings")
    for page in pages.paginate(EventSourceArn=inputs["eventSourceArn"], FunctionName=inputs["functionName"]):
        yield from (each["UUID"] for each in page["EventSourceMappings"])


def _route53(kind: str, operation: str, members: str) -> Callable[[Inputs], Found]:
    def search(inputs: Inputs) -> Found:
        route53 = _client("route53", inputs)
        for page in route53.get_paginator(operation).paginate():
            for each in page[members]:
                id = each["Id"].removeprefix("/hostedzone/")
                tags = route53.list_tags_for_resource(ResourceType=kind, ResourceId=id)["ResourceTagSet"]["Tags"]
                if _has_tags(inputs, tags) and each.get("Name", "").rstrip(".") in ("", inputs.get("name")):
                    yield id

    return search


def _cloudflare(operation: str, scope: str, **fields: str) -> Callable[[Inputs], Found]:
    """Returns a function that searches Cloudflare for resources with given inputs, in one zone or one account.
    `operation` is the name of the method of Cloudflare's SDK that lists the resources, such as `kv.namespaces.list`.
    `scope` is the name of the input that contains the ID of the zone or account. `fields` maps the names of the inputs
    to compare to the names of the API's fields.
    """

    def search(inputs: Inputs) -> Found:
        method: Any = Cloudflare()
        for name in operation.split("."):
            method = getattr(method, name)
        for each in method(**{"zone_id" if scope == "zoneId" else "account_id": inputs[scope]}):
            if all(getattr(each, called) == inputs[name] for name, called in fields.items()):
                yield each.id

    return search


def _client(service: str, inputs: Inputs) -> Any:
    return cast(Any, boto3).client(service, region_name=inputs.get("region", "us-east-1"))


def _accelerator(inputs: Inputs) -> Found:
    api = _client("globalaccelerator", {"region": _ACCELERATORS})
    for page in api.get_paginator("list_accelerators").paginate():
        for each in page["Accelerators"]:
            tags = api.list_tags_for_resource(ResourceArn=each["AcceleratorArn"])["Tags"]
            if each["Name"] == inputs["name"] and _has_tags(inputs, tags):
                yield each["AcceleratorArn"]


def _accelerator_part(operation: str, members: str, of: str, arn: str, **fields: str) -> Callable[[Inputs], Found]:
    """Returns a function that searches for the listeners of an accelerator, or for the endpoint groups of a listener.

    The returned function takes the inputs of a Pulumi resource. `of` is the name of the input that contains the ARN of
    the accelerator or listener. The function finds the resources whose response fields equal the inputs: `fields` maps
    the name of each input to the name of a response field. `arn` is the name of the field with a resource's ARN.
    """

    def search(inputs: Inputs) -> Found:
        api = _client("globalaccelerator", {"region": _ACCELERATORS})
        parent = f"{of[0].upper()}{of[1:]}"
        for page in api.get_paginator(operation).paginate(**{parent: inputs[of]}):
            for each in page[members]:
                if all(each[called] == inputs[name] for name, called in fields.items()):
                    yield each[arn]

    return search


_SEARCHES: Mapping[str, Callable[[Inputs], Found]] = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:ec2/eip:Eip": _ec2("describe_addresses", "Addresses", "AllocationId", instance="InstanceId"),
    "aws:ec2/eipAssociation:EipAssociation": _address_association,
    "aws:ec2/instance:Instance": _ec2("describe_instances", "Instances", "InstanceId", subnetId="SubnetId"),
    "aws:ec2/internetGateway:InternetGateway": _ec2(
        "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    "aws:ec2/routeTable:RouteTable": _ec2("describe_route_tables", "RouteTables", "RouteTableId", vpcId="VpcId"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:ec2/securityGroup:SecurityGroup": _ec2(
        "describe_security_groups", "SecurityGroups", "GroupId", name="GroupName", vpcId="VpcId"
    ),
    "aws:ec2/subnet:Subnet": _ec2("describe_subnets", "Subnets", "SubnetId", cidrBlock="CidrBlock", vpcId="VpcId"),
    "aws:ec2/vpc:Vpc": _ec2("describe_vpcs", "Vpcs", "VpcId", cidrBlock="CidrBlock"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", vpcId="VpcId"),
    "aws:globalaccelerator/accelerator:Accelerator": _accelerator,
    "aws:globalaccelerator/endpointGroup:EndpointGroup": _accelerator_part(
        "list_endpoint_groups",
        "EndpointGroups",
        "listenerArn",
        "EndpointGroupArn",
        endpointGroupRegion="EndpointGroupRegion",
    ),
    "aws:globalaccelerator/listener:Listener": _accelerator_part(
        "list_listeners", "Listeners", "acceleratorArn", "ListenerArn", protocol="Protocol"
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:kms/key:Key": _key,
    "aws:kms/replicaKey:ReplicaKey": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:route53/healthCheck:HealthCheck": _route53("healthcheck", "list_health_checks", "HealthChecks"),
    "aws:route53/zone:Zone": _route53("hostedzone", "list_hosted_zones", "HostedZones"),
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:sqs/queue:Queue": _queue,
    "cloudflare:index/customHostname:CustomHostname": _cloudflare(
        "custom_hostnames.list", "zoneId", hostname="hostname"
    ),
    "cloudflare:index/dnsRecord:DnsRecord": _cloudflare("dns.records.list", "zoneId", name="name", type="type"),
    "cloudflare:index/mtlsCertificate:MtlsCertificate": _cloudflare("mtls_certificates.list", "accountId", name="name"),
    "cloudflare:index/ruleset:Ruleset": _cloudflare("rulesets.list", "zoneId", name="name", phase="phase"),
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace": _cloudflare(
        "kv.namespaces.list", "accountId", title="title"
    ),
    "cloudflare:index/workersRoute:WorkersRoute": _cloudflare("workers.routes.list", "zoneId", pattern="pattern"),
    "gcp:monitoring/alertPolicy:AlertPolicy": cloud_monitoring.policies,
    "gcp:monitoring/dashboard:Dashboard": cloud_monitoring.dashboards,
    "gcp:monitoring/notificationChannel:NotificationChannel": cloud_monitoring.channels,
}
