"""Policies for metadata databases: past states can be restored, accidental deletion fails, and several regions hold the
data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import foundational, our_design, well_architected
from policies.framework.declare import LASTING, each_resource, given, known, part, parts, setting, texts, whole_stack
from policies.framework.durations import DAY_SECONDS, seconds_of
from policies.framework.kinds import all_of, kind
from policies.framework.relations import refers_to, settings_of

TABLE = "aws:dynamodb/table:Table"
# The resource type of a DynamoDB replica that is a Pulumi resource of its own. A replica can also be an entry in the
# property `replicas` of its table.
TABLE_REPLICA = "aws:dynamodb/tableReplica:TableReplica"
_SCALING_TARGET = "aws:appautoscaling/target:Target"
SPANNER_DATABASE = "gcp:spanner/database:Database"
SPANNER_INSTANCE = "gcp:spanner/instance:Instance"
_BACKUP_SCHEDULE = "gcp:spanner/backupSchedule:BackupSchedule"
_RETENTION = re.compile(r"retention_period\s*=\s*'([^']+)'", re.IGNORECASE)
# The number of days for which a change stream of Spanner must keep changes. Spanner's maximum is seven days, and its
# default is one day (Spanner, "Change streams overview").
_STREAM_DAYS = 7
_TTL_COLUMN = re.compile(r"ADD TTL INTERVAL '0 days' ON (\w+)", re.IGNORECASE)


@each_resource(
    "multi-database-point-in-time-recovery-enabled",
    "Metadata can be restored to any second of the past days, in every region.",
    of={TABLE, TABLE_REPLICA, SPANNER_DATABASE},
    severity=Severity.HIGH,
    control=foundational("DynamoDB.2"),
    fix="Enable point_in_time_recovery of table and replicas; set version_retention_period of a Spanner database",
    config={"days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 7}},
)
def point_in_time_recovery_enabled(args: ResourceValidationArgs) -> Iterator[str]:
    wanted = int(setting(args, "days", 7))
    if kind(args) == SPANNER_DATABASE:
        period = str(args.props.get("versionRetentionPeriod") or "1h")
        if seconds_of(period) < wanted * DAY_SECONDS:
            yield f"past versions are kept for {period}, not for {wanted} days"
        return
    recovery = args.props.get("pointInTimeRecovery")
    enabled = recovery if kind(args) == TABLE_REPLICA else part(args.props, "pointInTimeRecovery").get("enabled")
    if enabled is not True:
        yield "point-in-time recovery is not enabled"
    if kind(args) == TABLE:
        # By default, DynamoDB keeps the backups of point-in-time recovery for 35 days.
        days = int(part(args.props, "pointInTimeRecovery").get("recoveryPeriodInDays") or 35)
        if days < wanted:
            yield f"the table can be restored to the last {days} days only"
    for replica in parts(args.props, "replicas"):
        if replica.get("pointInTimeRecovery") is not True:
            yield f"point-in-time recovery is not enabled in {replica.get('regionName')}"


@whole_stack(
    "gcp-spanner-database-backed-up",
    "Every Spanner database has a daily backup. Past versions alone are lost together with the database.",
    of={SPANNER_DATABASE},
    severity=Severity.HIGH,
    control=well_architected("REL09-BP03"),
    fix="Give it a gcp.spanner.BackupSchedule with a daily cron_spec and a longer retention_duration",
    config={"required": LASTING, "days": {"type": "integer", "minimum": 1, "default": 30}},
)
def backed_up(database: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not setting(stack, "required", True):
        return
    schedules = settings_of(database, _BACKUP_SCHEDULE, stack, "database", ("name", "id"))
    if not schedules:
        yield "no backup schedule belongs to the database"
    wanted = int(setting(stack, "days", 30))
    for schedule in schedules:
        days = seconds_of(str(schedule.props.get("retentionDuration"))) / DAY_SECONDS
        if days < wanted:
            yield f"{schedule.name} keeps backups for {days:g} days, not for {wanted}"
        cron = str(part(part(schedule.props, "spec"), "cronSpec").get("text"))
        if cron.split()[2:] != ["*", "*", "*"]:
            yield f"{schedule.name} does not run daily: {cron}"


@each_resource(
    "multi-database-deletion-protected",
    "The cloud itself refuses to delete databases of metadata.",
    of={TABLE, TABLE_REPLICA, SPANNER_DATABASE},
    severity=Severity.HIGH,
    control=foundational("DynamoDB.6"),
    fix="Set `artifact-edge:protect` to true, which also has the cloud refuse to delete tables and databases",
    config={"required": LASTING},
)
def deletion_protected(args: ResourceValidationArgs) -> Iterator[str]:
    if not setting(args, "required", True):
        return
    if kind(args) == SPANNER_DATABASE:
        if args.props.get("enableDropProtection") is not True:
            yield "drop protection is not enabled"
        return
    if args.props.get("deletionProtectionEnabled") is not True:
        yield "deletion protection is not enabled"
    for replica in parts(args.props, "replicas"):
        if replica.get("deletionProtectionEnabled") is not True:
            yield f"deletion protection is not enabled in {replica.get('regionName')}"


@each_resource(
    "aws-dynamodb-table-encrypted-with-own-key",
    "DynamoDB encrypts metadata with a key of this account, in every region. Spanner always encrypts.",
    of={TABLE, TABLE_REPLICA},
    severity=Severity.HIGH,
    control=well_architected("SEC08-BP02"),
    fix="Enable server_side_encryption of the table, and name the region's key in kms_key_arn of table and replicas",
)
def encrypted_with_own_key(args: ResourceValidationArgs) -> Iterator[str]:
    chosen = args.props if kind(args) == TABLE_REPLICA else part(args.props, "serverSideEncryption")
    if kind(args) == TABLE and chosen.get("enabled") is not True:
        yield "DynamoDB encrypts with a key of its own, whose use this account cannot see"
    elif not given(chosen, "kmsKeyArn"):
        yield "the key belongs to AWS, and this account cannot change its policy"
    for replica in parts(args.props, "replicas"):
        if not given(replica, "kmsKeyArn"):
            yield f"the key in {replica.get('regionName')} belongs to AWS"


@whole_stack(
    "multi-database-replicated",
    "Metadata is in more than one region.",
    of={TABLE, SPANNER_INSTANCE},
    severity=Severity.HIGH,
    control=well_architected("REL10-BP01"),
    fix="Name further regions in `artifact-edge:metadata.regions`",
    config={"regions": {"type": "integer", "minimum": 1, "default": 2}},
)
def replicated(database: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    wanted = int(setting(stack, "regions", 2))
    if kind(database) == SPANNER_INSTANCE:
        place = str(database.props.get("config")).rsplit("/", 1)[-1]
        found = 1 if place.startswith("regional-") else 2
    else:
        apart = settings_of(database, TABLE_REPLICA, stack, "globalTableArn", ("arn",))
        found = 1 + len(known(database.props, "replicas") or apart)
    if found < wanted:
        yield f"it is in {found} region{'s' * (found != 1)}, not in {wanted}"


@each_resource(
    "multi-database-changes-streamed",
    "Every change of the metadata is in a stream, with the values before and after it, for the edge to follow.",
    of={TABLE, SPANNER_DATABASE},
    severity=Severity.HIGH,
    control=our_design("revocation is visible in seconds"),
    fix="Enable the table's stream with NEW_AND_OLD_IMAGES; create a change stream in the database's DDL",
)
def changes_streamed(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == SPANNER_DATABASE:
        streams = [ddl for ddl in texts(args.props.get("ddls")) if ddl.upper().startswith("CREATE CHANGE STREAM")]
        if not streams:
            yield "the database has no change stream"
        for stream in streams:
            if "NEW_ROW_AND_OLD_VALUES" not in stream.upper():
                yield "its change stream lacks the values before a change"
            kept = _RETENTION.search(stream)
            if seconds_of(kept[1] if kept else "1d") < _STREAM_DAYS * DAY_SECONDS:
                yield f"its change stream keeps changes for {kept[1] if kept else '1d'}, not for {_STREAM_DAYS} days"
    elif args.props.get("streamEnabled") is not True or args.props.get("streamViewType") != "NEW_AND_OLD_IMAGES":
        yield f"the stream is {args.props.get('streamViewType') or 'not enabled'}"


@each_resource(
    "multi-database-expired-items-removed",
    "The database removes metadata that has expired, by the attribute `expires`, and no other metadata.",
    of={TABLE, SPANNER_DATABASE},
    severity=Severity.HIGH,
    control=our_design("expired metadata is removed"),
    fix='Set ttl of a table to {"enabled": true, "attribute_name": "expires"}; on Spanner, add the TTL of `expires`',
    config={"attribute": {"type": "string", "default": "expires"}},
)
def expired_items_removed(args: ResourceValidationArgs) -> Iterator[str]:
    wanted = setting(args, "attribute", "expires")
    if kind(args) == SPANNER_DATABASE:
        found = [match[1] for ddl in texts(args.props.get("ddls")) for match in [_TTL_COLUMN.search(ddl)] if match]
    else:
        ttl = part(args.props, "ttl")
        found = [str(ttl.get("attributeName"))] if ttl.get("enabled") is True else []
    if not found:
        yield "it does not remove expired items"
    for name in found:
        if name != wanted:
            yield f"it removes items by {name}, not by {wanted}"


@whole_stack(
    "aws-dynamodb-table-capacity-scales",
    "A table's capacity follows its load: on demand, or by scaling of provisioned capacity.",
    of={TABLE},
    severity=Severity.MEDIUM,
    control=foundational("DynamoDB.1"),
    fix="Set billing_mode PAY_PER_REQUEST, or give it an aws.appautoscaling.Target for reads and one for writes",
)
def capacity_scales(table: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if table.props.get("billingMode") == "PAY_PER_REQUEST":
        most = part(table.props, "onDemandThroughput")
        for name in ("maxReadRequestUnits", "maxWriteRequestUnits"):
            if int(most.get(name) or -1) > 0:
                yield f"{name} limits it to {int(most[name])} a second"
        return
    targets = (each for each in all_of(stack, {_SCALING_TARGET}) if _is_scaling_target_of(each, table))
    scaled = {str(target.props.get("scalableDimension")) for target in targets}
    for unit in ("Read", "Write"):
        if f"dynamodb:table:{unit}CapacityUnits" not in scaled:
            yield f"nothing scales its {unit.lower()} capacity"


def _is_scaling_target_of(target: PolicyResource, table: PolicyResource) -> bool:
    by_name = known(target.props, "resourceId") == f"table/{known(table.props, 'name')}"
    return by_name or refers_to(target, "resourceId", table)


POLICIES: list[Policy] = [
    point_in_time_recovery_enabled,
    backed_up,
    deletion_protected,
    encrypted_with_own_key,
    replicated,
    changes_streamed,
    expired_items_removed,
    capacity_scales,
]
