"""Policies for all resources that cost money or hold data: their owner, their regions, their protection and their
cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from costs import PriceMissing, Resource, estimate
from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import LASTING, Properties, architecture, each_resource, known, part, parts, setting
from policies.framework.kinds import kind
from policies.rules.accelerator import ACCELERATOR
from policies.rules.compute import EC2_INSTANCE, GCE_INSTANCE
from policies.rules.database import SPANNER_DATABASE, SPANNER_INSTANCE, TABLE, TABLE_REPLICA
from policies.rules.keys import GOOGLE_KEY, KEY, REPLICA_KEY
from policies.rules.messaging import QUEUE, TOPIC
from policies.rules.reviewed_types import ENGINE, REVIEWED
from policies.rules.storage import GCS_BUCKET, S3_BUCKET
from policies.rules.watch import ALERT_POLICY, LOG_GROUP

_ZONE = "aws:route53/zone:Zone"
# Maps a resource type to the property that contains the tags of its resources. For all other types, the property is
# `tags`.
_LABELS = {
    **dict.fromkeys((GCS_BUCKET, GCE_INSTANCE, SPANNER_INSTANCE), "labels"),
    ALERT_POLICY: "userLabels",
}
_TAGGED = {
    S3_BUCKET,
    TABLE,
    TABLE_REPLICA,
    EC2_INSTANCE,
    _ZONE,
    "aws:ec2/vpc:Vpc",
    "aws:ec2/eip:Eip",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:route53/healthCheck:HealthCheck",
    ACCELERATOR,
    "aws:iam/role:Role",
    KEY,
    REPLICA_KEY,
    QUEUE,
    TOPIC,
    LOG_GROUP,
}
_REQUIRED = ["project", "environment", "owner", "cost-center"]
_STRINGS = {"type": "array", "items": {"type": "string"}}


@each_resource(
    "multi-resource-tagged",
    "Every resource that costs money or holds data has tags that name its owner.",
    of=_TAGGED | _LABELS.keys(),
    severity=Severity.MEDIUM,
    control=well_architected("COST03-BP02"),
    fix="The stack's transform tags all resources from `artifact-edge:tags`; register it before the first resource",
    config={"tags": {**_STRINGS, "default": _REQUIRED}},
)
def tags_required(args: ResourceValidationArgs) -> Iterator[str]:
    tags = part(args.props, _LABELS.get(kind(args), "tags"))
    missing = [name for name in setting(args, "tags", _REQUIRED) if not tags.get(name)]
    if missing:
        yield f"it lacks {', '.join(missing)}"


@each_resource(
    "multi-data-in-allowed-regions",
    "Objects, metadata and their keys are in the regions that the environment's configuration names.",
    of={S3_BUCKET, GCS_BUCKET, TABLE, TABLE_REPLICA, SPANNER_INSTANCE, KEY, REPLICA_KEY, QUEUE, LOG_GROUP},
    severity=Severity.HIGH,
    control=well_architected("SEC07-BP01"),
    fix="Use another region, or allow this one in the pack's configuration of the environment",
    config={"regions": {**_STRINGS, "default": ["*"]}},
)
def in_allowed_regions(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = setting(args, "regions", ["*"])
    for region in _regions(args):
        if not any(fnmatchcase(region.lower(), pattern) for pattern in allowed):
            yield f"{region} is not among {', '.join(allowed)}"


@each_resource(
    "multi-data-protected-from-replacement",
    "The engine refuses to delete or replace data, its keys, and the DNS zone, which nobody can create again.",
    of={S3_BUCKET, GCS_BUCKET, TABLE, SPANNER_INSTANCE, SPANNER_DATABASE, KEY, REPLICA_KEY, GOOGLE_KEY, _ZONE},
    severity=Severity.HIGH,
    control=our_design("no plan replaces what clients resolve"),
    fix="Set `artifact-edge:protect` to true",
    config={"required": LASTING},
)
def protected_from_replacement(args: ResourceValidationArgs) -> Iterator[str]:
    if setting(args, "required", True) and not args.opts.protect:
        yield "it is not protected"


@each_resource(
    "multi-data-force-destroy-off",
    "`destroy` fails for a bucket, a zone or a database instance that still contains something.",
    of={S3_BUCKET, GCS_BUCKET, _ZONE, SPANNER_INSTANCE},
    severity=Severity.HIGH,
    control=well_architected("REL09-BP02"),
    fix="Set `artifact-edge:protect` to true, or leave force_destroy out",
    config={"required": LASTING},
)
def force_destroy_off(args: ResourceValidationArgs) -> Iterator[str]:
    if setting(args, "required", True) and args.props.get("forceDestroy") is True:
        yield "force_destroy is true"


@architecture(
    "stack-resource-types-reviewed",
    "The stack has only resources of types that this pack has reviewed, whether they cost something or not.",
    severity=Severity.HIGH,
    control=nist("CM-7(5)"),
    fix="Review what a careless use of the type could expose or lose, write the policies for it, and add it to "
    "policies/rules/reviewed_types.py. The setting `types` allows a type in one environment",
    config={"types": {**_STRINGS, "default": []}},
)
def resource_types_reviewed(stack: StackValidationArgs) -> Iterator[str]:
    allowed = {*REVIEWED, *setting(stack, "types", [])}
    for resource in stack.resources:
        if not resource.resource_type.startswith(ENGINE) and kind(resource) not in allowed:
            yield f"{resource.name} has the type {resource.resource_type}, which no policy has reviewed"


@architecture(
    "stack-cost-within-budget",
    "The stack's monthly cost without any use is within the environment's budget.",
    severity=Severity.HIGH,
    control=well_architected("COST02-BP05"),
    fix="Make the stack smaller, or agree on a larger budget. `python -m costs --lines` lists the costs",
    config={"dollars": {"type": "number", "minimum": 0, "default": 10_000}},
)
def within_budget(stack: StackValidationArgs) -> Iterator[str]:
    budget = float(setting(stack, "dollars", 10_000))
    priced = [Resource(each.resource_type, each.urn, _known_properties(each)) for each in stack.resources]
    try:
        found = estimate(priced)
    except PriceMissing as error:
        yield f"costs/prices.toml has no price for {', '.join(error.missing)}"
        return
    if found.total > budget:
        tiers = ", ".join(f"{tier} {dollars:,.0f}" for tier, dollars in list(found.by_tier().items())[:3])
        yield f"{found.total:,.0f} US dollars a month ({tiers}); the budget is {budget:,.0f}"


def _known_properties(resource: PolicyResource) -> Properties:
    """Returns the properties of a resource, for the cost estimate. A value that is not known yet becomes None, because
    prices depend only on values that the program sets, such as types and sizes.
    """
    return {name: known(resource.props, name) for name in resource.props}


def _regions(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    match kind(args):
        case "gcp:storage/bucket:Bucket":
            yield from part(props, "customPlacementConfig").get("dataLocations") or [str(props.get("location"))]
        case "gcp:spanner/instance:Instance":
            yield str(props.get("config")).rsplit("/", 1)[-1].removeprefix("regional-")
        case _:
            yield str(props.get("region"))
            yield from (str(replica.get("regionName")) for replica in parts(props, "replicas"))


POLICIES: list[Policy] = [
    tags_required,
    in_allowed_regions,
    protected_from_replacement,
    force_destroy_off,
    resource_types_reviewed,
    within_budget,
]
