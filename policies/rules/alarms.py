"""Policies for alarms: each alarm must watch a metric that exists, must be able to go off, and must also go off when
the metric has no more data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import well_architected
from policies.framework.declare import Properties, each_resource, known, part, parts, setting, whole_stack
from policies.framework.durations import seconds_of
from policies.framework.kinds import all_of, kind
from policies.framework.relations import refers_to, stack_name
from policies.rules.metrics import CLOUD_MONITORING, CLOUDWATCH, Metric
from policies.rules.watch import ALARM, ALERT_POLICY

# Maps each CloudWatch dimension that identifies a resource to two strings: the Pulumi type of the resource, and the
# property that contains the dimension's value.
_NAMED = {
    "BucketName": ("aws:s3/bucket:Bucket", "bucket"),
    "DestinationBucket": ("aws:s3/bucket:Bucket", "bucket"),
    "FunctionName": ("aws:lambda/function:Function", "name"),
    "HealthCheckId": ("aws:route53/healthCheck:HealthCheck", "id"),
    "QueueName": ("aws:sqs/queue:Queue", "name"),
    "SourceBucket": ("aws:s3/bucket:Bucket", "bucket"),
    "TableName": ("aws:dynamodb/table:Table", "name"),
}
_ABOVE = {"GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "COMPARISON_GT", "COMPARISON_GE"}
_BELOW = {"LessThanThreshold", "LessThanOrEqualToThreshold", "COMPARISON_LT", "COMPARISON_LE"}
_TYPE = re.compile(r'metric\.types?\s*=\s*"([^"]*)"')


@whole_stack(
    "multi-alarm-metric-known",
    "Every alarm watches a metric that exists, with the dimensions of a resource of the stack.",
    of={ALARM, ALERT_POLICY},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Correct the name, the namespace or the dimensions. A new metric belongs in policies/rules/metrics.py",
)
def metric_known(alarm: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if kind(alarm) == ALERT_POLICY:
        for condition in _thresholds(alarm.props):
            for found in _metric_types(condition) or ["(none)"]:
                if found not in CLOUD_MONITORING:
                    yield f"the pack knows no metric {found}{_suggestion(found, CLOUD_MONITORING)}"
        return
    namespace, name = str(alarm.props.get("namespace")), str(alarm.props.get("metricName"))
    metric = CLOUDWATCH.get((namespace, name))
    if metric is None:
        names = [each for space, each in CLOUDWATCH if space == namespace]
        yield f"the pack knows no metric {name} in {namespace}{_suggestion(name, names)}"
        return
    dimensions = part(alarm.props, "dimensions")
    if frozenset(dimensions) != metric.dimensions:
        found = ", ".join(sorted(dimensions)) or "none"
        yield f"its dimensions are {found}, not {', '.join(sorted(metric.dimensions))}"
        return
    for dimension in dimensions:
        if not _is_of_stack(alarm, dimension, known(dimensions, dimension), stack):
            yield f"{dimension} {known(dimensions, dimension)} names no resource of the stack"


def _is_of_stack(alarm: PolicyResource, dimension: str, value: object, stack: StackValidationArgs) -> bool:
    """Returns whether the value of an alarm's dimension names the stack (`Environment`) or a resource of the stack."""
    if dimension == "Environment":
        return value == stack_name(alarm.urn)
    if dimension not in _NAMED:
        return True
    token, name = _NAMED[dimension]
    resources = list(all_of(stack, {token}))
    if value is not None and name != "id":
        return any(known(each.props, name) == value for each in resources)
    return any(refers_to(alarm, "dimensions", each) for each in resources)


@each_resource(
    "multi-alarm-threshold-reachable",
    "Every alarm goes off when its metric shows an outage: the threshold is in the metric's range, and the wait short.",
    of={ALARM, ALERT_POLICY},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Compare with a threshold that an outage reaches, within the time in the policy's setting `seconds`",
    config={"seconds": {"type": "integer", "minimum": 60, "default": 3600}},
)
def threshold_reachable(args: ResourceValidationArgs) -> Iterator[str]:
    longest = int(setting(args, "seconds", 3600))
    if kind(args) == ALERT_POLICY:
        for condition in _thresholds(args.props):
            yield from _unreachable(
                condition, "thresholdValue", str(condition.get("comparison")), _google_metric(condition)
            )
            if (seconds := seconds_of(str(condition.get("duration") or "0s"))) > longest:
                yield f"the duration is {seconds:g} seconds, longer than {longest}"
        return
    metric = CLOUDWATCH.get((str(args.props.get("namespace")), str(args.props.get("metricName"))))
    yield from _unreachable(args.props, "threshold", str(args.props.get("comparisonOperator")), metric)
    if args.props.get("statistic") == "SampleCount":
        yield "the statistic SampleCount counts data points, not their values"
    if metric and metric.per_event and args.props.get("statistic") == "Minimum":
        yield "the statistic Minimum is 0 as long as one event has no fault"
    seconds = int(args.props.get("period") or 60) * int(args.props.get("evaluationPeriods") or 1)
    if seconds > longest:
        yield f"it goes off after {seconds} seconds, later than {longest}"


def _unreachable(properties: Properties, name: str, operator: str, metric: Metric | None) -> Iterator[str]:
    if metric is None:
        return  # the policy multi-alarm-metric-known already reports that the alarm's metric is not known
    if operator not in (_BELOW if metric.low else _ABOVE):
        yield f"{operator} does not go off while the metric is {'low' if metric.low else 'high'}"
        return
    threshold = float(properties.get(name) or 0)
    if metric.low and threshold <= 0:
        yield f"{name} {threshold:g} is not reached: the metric does not fall below 0"
    if not metric.low and threshold >= metric.most:
        yield f"{name} {threshold:g} is not reached: in an outage the metric is {metric.most:g} or less"


@each_resource(
    "multi-alarm-missing-data-alarms",
    "An alarm goes off when its metric has no data, if an outage can be the reason.",
    of={ALARM, ALERT_POLICY},
    severity=Severity.HIGH,
    control=well_architected("REL06-BP01"),
    fix="Set treat_missing_data to breaching, and on Google Cloud EVALUATION_MISSING_DATA_ACTIVE",
)
def missing_data_alarms(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == ALERT_POLICY:
        for condition in _thresholds(args.props):
            metric, found = _google_metric(condition), condition.get("evaluationMissingData") or "not set"
            if metric and metric.silent and found != "EVALUATION_MISSING_DATA_ACTIVE":
                yield f"evaluation_missing_data is {found}"
        return
    metric = CLOUDWATCH.get((str(args.props.get("namespace")), str(args.props.get("metricName"))))
    found = args.props.get("treatMissingData") or "missing"  # the default of `treatMissingData`
    if metric and metric.silent and found != "breaching":
        yield f"treat_missing_data is {found}"


def _thresholds(properties: Properties) -> Iterator[Properties]:
    """Yields the conditions of a Google Cloud alert policy that compare a metric with a threshold."""
    for condition in parts(properties, "conditions"):
        if threshold := part(condition, "conditionThreshold"):
            yield threshold


def _metric_types(condition: Properties) -> list[str]:
    return _TYPE.findall(f"{condition.get('filter')} {condition.get('denominatorFilter') or ''}")


def _google_metric(condition: Properties) -> Metric | None:
    """Returns the metric that a condition of a Google Cloud alert policy watches. If the condition divides this metric
    by another metric, it watches a share, which cannot exceed 1. The highest possible value of the returned metric is
    then 1.
    """
    types = _metric_types(condition)
    metric = CLOUD_MONITORING.get(types[0]) if types else None
    return Metric(1, metric.low, metric.silent) if metric and condition.get("denominatorFilter") else metric


def _suggestion(name: str, names: Collection[str]) -> str:
    found = get_close_matches(name, names, n=1)
    return f"; did you mean {found[0]}?" if found else ""


POLICIES: list[Policy] = [metric_known, threshold_reachable, missing_data_alarms]
