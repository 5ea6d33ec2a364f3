"""Alarms on Cloud Run services and Pub/Sub subscriptions, for tiers that run on Google Cloud.

Google describes the metrics and labels in "Google Cloud metrics", P to Z, under `run.googleapis.com` and
`pubsub.googleapis.com`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.observability import CloudMonitoringAlarm, Tier

# Alarm threshold for the share of failed requests. The threshold is above zero because Cloud Run itself sometimes
# answers 5xx while it removes an instance.
_MOST_FAILURES = 0.05


def service_alarms(
    name: str, tier: Tier, service: pulumi.Input[str], fault: str, runbook: str, *, always_running: bool = False
) -> Sequence[CloudMonitoringAlarm]:
    """Returns alarms on a Cloud Run service that fails or whose instances are unhealthy.

    `fault` says what the service's failure means to users, e.g. "Tokens do not reach the edge". `always_running` is for
    services that keep an instance at all times (`min_instance_count`). For such a service, the result also has an alarm
    on failed health probes and an alarm on a missing instance. Cloud Run publishes no metric of restarts, so there is
    no alarm on restarts. However, Cloud Run restarts an instance after failed health probes, so the alarm on failed
    probes shows these restarts.
    """
    where = {"resource.labels.service_name": service}
    failing = CloudMonitoringAlarm(
        name=f"{name}-fails",
        tier=tier,
        fault=f"{fault}: its service answers with errors",
        metric="run.googleapis.com/request_count",
        resource="cloud_run_revision",
        where=where,
        bad=("metric.labels.response_code_class", "5xx"),
        threshold=_MOST_FAILURES,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_SUM",
        lasting=300,
        severity="CRITICAL",
        runbook=runbook,
    )
    ill = CloudMonitoringAlarm(
        name=f"{name}-ill",
        tier=tier,
        fault=f"{fault}: its probes fail, and Cloud Run starts other instances",
        metric="run.googleapis.com/container/completed_probe_count",
        resource="cloud_run_revision",
        where={**where, "metric.labels.is_healthy": False},
        threshold=0,
        aligner="ALIGN_DELTA",
        reducer="REDUCE_SUM",
        lasting=120,
        severity="CRITICAL",
        runbook=runbook,
    )
    gone = CloudMonitoringAlarm(
        name=f"{name}-gone",
        tier=tier,
        fault=f"{fault}: no instance of its service runs",
        metric="run.googleapis.com/container/instance_count",
        resource="cloud_run_revision",
        where=where,
        threshold=1,
        comparison="COMPARISON_LT",
        aligner="ALIGN_MAX",
        reducer="REDUCE_SUM",
        lasting=300,
        missing="bad",
        severity="CRITICAL",
        runbook=runbook,
    )
    return [failing, ill, gone] if always_running else [failing]


def dead_letter_alarm(
    name: str, tier: Tier, subscription: pulumi.Input[str], fault: str, runbook: str
) -> CloudMonitoringAlarm:
    """Returns an alarm that goes off when a Pub/Sub subscription holds any dead-letter message."""
    return CloudMonitoringAlarm(
        name=f"{name}-given-up",
        tier=tier,
        fault=fault,
        metric="pubsub.googleapis.com/subscription/num_undelivered_messages",
        resource="pubsub_subscription",
        where={"resource.labels.subscription_id": subscription},
        threshold=0,
        lasting=0,
        severity="CRITICAL",
        runbook=runbook,
    )
