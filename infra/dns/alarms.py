"""Alarms on Route 53's health checks. One health check requests the edge. Another shows whether the edge has the feed
of recent revocations, a small document that the edge reads every 2 s. Further health checks request each machine, each
region of shields (regional caches) and PoPs, and each edge network (Cloudflare, and PoPs of our own).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi

from infra.observability import CloudWatchAlarm, Tier

# The only region in which Route 53 publishes metrics (Route 53 Developer Guide, "Monitoring health checks").
_REGION = "us-east-1"

# The alarm threshold for the percentage of Route 53's health checkers that reach an endpoint. If fewer checkers reach
# it, some networks probably cannot reach the endpoint. Route 53 itself treats an endpoint as healthy if more than
# 18 % of the checkers reach it (Route 53 Developer Guide, "How Route 53 determines whether a health check is healthy").
_MOST_CHECKERS = 80.0


def edge_alarms(hostname: str, check: pulumi.Input[str]) -> Sequence[CloudWatchAlarm]:
    """Returns two alarms on the hostname that clients connect to. One alarm goes off when the edge does not answer. The
    other alarm goes off when only some of Route 53's health checkers reach the edge.
    """
    return [
        _unhealthy_alarm(
            "edge-down", "edge", check, f"Clients cannot use {hostname}: the edge does not answer", "the-edge-is-down"
        ),
        _partly_unhealthy_alarm(
            "edge-reached-in-part",
            "dns",
            check,
            f"Clients in some parts of the world do not reach {hostname}, by its name or by the network",
            "the-edge-is-reached-from-some-places-only",
        ),
    ]


def feed_alarm(check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns an alarm that goes off when the edge lacks the feed of recent revocations in some places. The feed is a
    small document that the edge reads every 2 s. The alarm also goes off when the edge does not apply the newest edge
    policy (the rules that refuse packages).

    Without the feed, revocations and withdrawals reach these places only through Workers KV.
    """
    return CloudWatchAlarm(
        name="revocations-late",
        tier="entitlements",
        region=_REGION,
        fault="Revocations, withdrawals or the edge policy reach some places late: the edge lacks their feed there, or "
        "does not accept the newest policy",
        namespace="AWS/Route53",
        metric="HealthCheckPercentageHealthy",
        dimensions={"HealthCheckId": check},
        threshold=_MOST_CHECKERS,
        comparison="LessThanThreshold",
        statistic="Minimum",
        periods=1,
        runbook="docs/entitlements.md#revocations-are-late",
    )


def network_alarm(network: Literal["cloudflare", "own"], check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns the alarm that goes off when an edge network does not answer. The edge network is either Cloudflare or
    the PoPs on machines of our own. Both networks serve the hostname that clients connect to.
    """
    what = {"cloudflare": "Cloudflare does not answer", "own": "No PoP machine of our own answers"}[network]
    tier: Tier = "edge" if network == "cloudflare" else "pop"
    fault = f"{what}; DNS leads all clients to the other network"
    return _unhealthy_alarm(f"network-{network}-down", tier, check, fault, "a-network-is-down")


def machine_alarms(node: str, check: pulumi.Input[str]) -> Sequence[CloudWatchAlarm]:
    """Returns two alarms on one shield machine (a regional cache). One alarm goes off when the machine does not answer.
    The other alarm goes off when only some of Route 53's health checkers reach the machine.
    """
    return [
        _unhealthy_alarm(
            f"shield-{node}-down",
            "shield",
            check,
            f"Shield machine {node} does not answer; the others of its region take its share",
            "a-shield-machine-is-down",
        ),
        _partly_unhealthy_alarm(
            f"network-{node}-reached-in-part",
            "network",
            check,
            f"Shield machine {node} is reached from some parts of the world only",
            "a-shield-machine-is-reached-from-some-places-only",
        ),
    ]


def region_alarm(place: str, check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns the alarm that goes off when no shield machine (regional cache) of a region answers."""
    fault = (
        f"No shield machine in {place} answers; the edge uses regions that are farther away, with fewer objects cached"
    )
    return _unhealthy_alarm(f"shield-{place}-lost", "shield", check, fault, "a-shield-region-is-lost")


def pop_machine_alarms(node: str, check: pulumi.Input[str]) -> Sequence[CloudWatchAlarm]:
    """Returns two alarms on one PoP machine. One alarm goes off when the machine does not answer. The other alarm
    goes off when only some of Route 53's health checkers reach the machine.
    """
    return [
        _unhealthy_alarm(
            f"{node}-down",
            "pop",
            check,
            f"PoP machine {node} does not answer; the others of its region take its share",
            "a-pop-machine-is-down",
        ),
        _partly_unhealthy_alarm(
            f"{node}-reached-in-part",
            "pop",
            check,
            f"PoP machine {node} is reached from some parts of the world only",
            "a-pop-machine-is-down",
        ),
    ]


def pop_region_alarm(place: str, check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns the alarm that goes off when no PoP machine of a region answers."""
    fault = f"No PoP machine in {place} answers; clients there use PoPs that are farther away"
    return _unhealthy_alarm(f"pop-{place}-lost", "pop", check, fault, "a-pop-machine-is-down")


def accelerator_alarm(check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns the alarm that goes off when neither address of the accelerator in front of our own PoPs answers."""
    fault = "The accelerator does not answer; DNS leads clients to the addresses of the PoP machines"
    return _unhealthy_alarm("accelerator-down", "pop", check, fault, "the-accelerator-is-down")


def balancer_alarm(check: pulumi.Input[str]) -> CloudWatchAlarm:
    """Returns the alarm that goes off when Google's load balancer in front of our own PoPs does not answer."""
    fault = "Google's load balancer does not answer; DNS leads clients to the addresses of the PoP machines"
    return _unhealthy_alarm("balancer-down", "pop", check, fault, "the-load-balancer-is-down")


def _unhealthy_alarm(name: str, tier: Tier, check: pulumi.Input[str], fault: str, heading: str) -> CloudWatchAlarm:
    """Returns an alarm that goes off when a health check is unhealthy or reports no data."""
    return CloudWatchAlarm(
        name=name,
        tier=tier,
        region=_REGION,
        fault=fault,
        namespace="AWS/Route53",
        metric="HealthCheckStatus",
        dimensions={"HealthCheckId": check},
        threshold=1,
        comparison="LessThanThreshold",
        statistic="Minimum",
        missing="breaching",
        runbook=f"docs/operations.md#{heading}",
    )


def _partly_unhealthy_alarm(
    name: str, tier: Tier, check: pulumi.Input[str], fault: str, heading: str
) -> CloudWatchAlarm:
    return CloudWatchAlarm(
        name=name,
        tier=tier,
        region=_REGION,
        fault=fault,
        namespace="AWS/Route53",
        metric="HealthCheckPercentageHealthy",
        dimensions={"HealthCheckId": check},
        threshold=_MOST_CHECKERS,
        comparison="LessThanThreshold",
        statistic="Average",
        periods=5,
        runbook=f"docs/operations.md#{heading}",
    )
