"""The alarm on the metric that PoP machines write (machine/programs/report-refusals)."""

from __future__ import annotations

from contract.metrics import NAMESPACE, REFUSED_REQUESTS
from infra.observability import CloudWatchAlarm

# Refused requests a minute, at all PoPs together. Scanners try every public address, and cause a few of them.
_MOST_A_MINUTE = 1000


def refusals_alarm(environment: str, region: str) -> CloudWatchAlarm:
    """Returns the alarm that goes off when the firewall of the PoPs refuses many requests. Either someone attacks the
    PoPs, or a limit is too low for the clients. `region` is the home region, to which all PoP machines report.
    """
    return CloudWatchAlarm(
        name="pop-refuses",
        tier="pop",
        region=region,
        fault=f"The firewall of the PoPs refuses more than {_MOST_A_MINUTE} requests a minute",
        namespace=NAMESPACE,
        metric=REFUSED_REQUESTS,
        dimensions={"Environment": environment},
        threshold=_MOST_A_MINUTE,
        statistic="Sum",
        periods=5,
        runbook="docs/operations.md#the-firewall-of-the-pops-refuses-many-requests",
    )
