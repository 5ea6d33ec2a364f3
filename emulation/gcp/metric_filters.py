"""Parses and checks filters of Cloud Monitoring. The emulation supports only filters that join restrictions by AND, as
the filters of this project's alarms do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.metric_types import METRICS, RESOURCES, MetricType

_TYPE = re.compile(r'(metric|resource)\.type = "([^"]+)"')
_LABEL = re.compile(
    r"(metric|resource)\.labels\.(\w+) (=|!=) "
    r'(?:"([^"]*)"|(true|false)|monitoring\.regex\.full_match\("([^"]+)"\))'
)
_OF_LABEL = re.compile(r"(metric|resource)\.labels\.(\w+)")

# Maps the type of each custom metric in a Google Cloud project to its description.
Descriptors = Mapping[str, MetricType]


@dataclass(frozen=True)
class Restriction:
    """A restriction in a Cloud Monitoring filter: a label, and a pattern. If `equal` is true, the whole value of the
    label must match the pattern. If `equal` is false, the value must not match.
    """

    owner: str
    label: str
    pattern: re.Pattern[str]
    equal: bool


@dataclass(frozen=True)
class Filter:
    """A parsed Cloud Monitoring filter, which selects time series by metric type, resource type and labels."""

    metric: str
    resource: str
    type: MetricType
    restrictions: Sequence[Restriction]

    def finds(self, metric_labels: Json, resource_labels: Json) -> bool:
        """Returns whether the filter selects a time series whose metric and monitored resource have the given
        labels.
        """
        labels = {"metric": metric_labels, "resource": resource_labels}
        return all(
            bool(each.pattern.fullmatch(str(labels[each.owner].get(each.label, "")))) == each.equal
            for each in self.restrictions
        )


def parse(text: str, own: Descriptors, where: str) -> Filter:
    """Parses the text of a Cloud Monitoring filter. `where` is the name of the API field that contains the filter, for
    error messages.

    Raises Refused, with the message of the API, when the filter is invalid or not emulated.
    """
    types: dict[str, str] = {}
    labels: list[tuple[str, ...]] = []
    for part in text.split(" AND "):
        kind, label = _TYPE.fullmatch(part), _LABEL.fullmatch(part)
        if kind is not None:
            types[kind[1]] = kind[2]
        elif label is not None:
            labels.append(label.groups(default=""))
        else:
            raise Refused(501, f"not emulated: {part!r} in the filter of {where}")
    if "resource" not in types or "metric" not in types:
        lacks = "resource.type" if "metric" in types else "metric.type"
        raise Refused(400, f'Field {where} had an invalid value: must specify a restriction on "{lacks}" in the filter')
    metric = {**METRICS, **own}.get(types["metric"])
    if metric is None:
        raise Refused(404, f'Cannot find metric(s) that match type = "{types["metric"]}"')
    if types["resource"] not in metric.resources:
        raise Refused(400, f"Field {where}: {types['metric']} is not written to resource type {types['resource']!r}")
    restrictions = [_restriction(each, metric, types["resource"], where) for each in labels]
    return Filter(types["metric"], types["resource"], metric, restrictions)


def check_label(path: str, found: Filter, where: str) -> None:
    """Raises Refused unless a Cloud Monitoring filter may use the label at `path`, which is `metric.labels.<name>` or
    `resource.labels.<name>`."""
    label = _OF_LABEL.fullmatch(path)
    known = found.type.labels | found.type.flags if label and label[1] == "metric" else RESOURCES[found.resource]
    if label is None or label[2] not in known:
        raise Refused(400, f"Field {where} had an invalid value: unknown label {path!r}")


def _restriction(parts: tuple[str, ...], metric: MetricType, resource: str, where: str) -> Restriction:
    owner, label, sign, text, flag, pattern = parts
    known = metric.labels | metric.flags if owner == "metric" else RESOURCES[resource]
    if label not in known:
        raise Refused(400, f"Field {where} had an invalid value: unknown label {owner}.labels.{label}")
    if (label in metric.flags and owner == "metric") != bool(flag):
        raise Refused(400, f"Field {where} had an invalid value: {owner}.labels.{label} is of another type")
    return Restriction(owner, label, re.compile(pattern or re.escape(flag or text)), sign == "=")
