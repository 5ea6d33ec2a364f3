"""Probes the upload of worker versions that are not deployed. The probes check which uploads Cloudflare refuses, and
which settings an upload leaves unchanged. They also check how many versions can still be deployed. The workers of the
probes answer no requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probes.fact import Fact, Probe
from probes.zone import Zone

_SCRIPT = """
export class Counter {
  fetch() { return new Response("counted"); }
}
export default {
  fetch() { return new Response("ready"); },
};
"""
_FILE = ("index.js", _SCRIPT.encode(), "application/javascript+module")
_METADATA = {"main_module": "index.js", "compatibility_date": "2026-11-01"}
_MIGRATION = "10211"
# The share of the script's invocations that Workers Logs records, as the probe first sets it. The probe later uploads
# versions with another value, and compares the script's setting with this one to find out whether it has changed.
_RATE = 0.5
_DEPLOYABLE = 100


def _uploads(zone: Zone) -> Iterator[Fact]:
    code = zone.refusal(_upload, zone)
    yield Fact("the first version of a script cannot be uploaded alone", code != "accepted", code)
    _put(zone)
    migrations = {"new_tag": "v1", "new_sqlite_classes": ["Counter"]}
    code = zone.refusal(_upload, zone, migrations=migrations)
    yield Fact("a version with a migration of Durable Objects is refused", code == _MIGRATION, code)
    # The documentation does not say whether Cloudflare refuses or ignores the setting `observability` in the upload of
    # a version. The probe therefore accepts any response, and checks only that the script's own settings stay the same.
    code = zone.refusal(_upload, zone, observability={"enabled": False})
    yield Fact("the upload of a version does not change the script's settings", _rate(zone) == _RATE, code)
    _deploy(zone, _upload(zone))
    rate = _rate(zone)
    yield Fact("the deployment of a version does not change the script's settings", rate == _RATE, f"rate {rate}")


def _old_versions(zone: Zone) -> Iterator[Fact]:
    _put(zone)
    uploaded = [_upload(zone) for _ in range(_DEPLOYABLE + 1)]
    code = zone.refusal(_deploy, zone, uploaded[0])
    yield Fact(f"a version before the {_DEPLOYABLE} newest ones cannot be deployed", code != "accepted", code)
    code = zone.refusal(_deploy, zone, uploaded[1])
    yield Fact(f"the oldest of the {_DEPLOYABLE} newest versions can be deployed", code == "accepted", code)


def _put(zone: Zone) -> None:
    """Uploads the script through an API endpoint that also deploys it."""
    metadata = {**_METADATA, "observability": {"enabled": True, "head_sampling_rate": _RATE}}
    zone.api.workers.scripts.update(zone.name, account_id=zone.account, metadata=metadata, files=[_FILE])
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)


def _upload(zone: Zone, **more: Mapping[str, Any]) -> str:
    """Uploads a version of the script without deploying it. `more` contains additional fields of the version's
    metadata. Returns the version's id.
    """
    created = zone.api.workers.scripts.versions.with_raw_response.create(
        zone.name, account_id=zone.account, metadata={**_METADATA, **more}, files=[_FILE]
    )
    return created.json()["result"]["id"]


def _deploy(zone: Zone, version: str) -> None:
    zone.api.workers.scripts.deployments.with_raw_response.create(
        zone.name,
        account_id=zone.account,
        strategy="percentage",
        versions=[{"version_id": version, "percentage": 100}],
    )


def _rate(zone: Zone) -> float | None:
    """Returns the share of the script's invocations that Workers Logs records. The share is one of the script's
    settings.
    """
    settings = zone.api.workers.scripts.script_and_version_settings.get(zone.name, account_id=zone.account)
    return settings.observability.head_sampling_rate if settings.observability else None


PROBES = (
    Probe("workers-version-uploads", 'Cloudflare Workers, "Deployment management"; API reference', _uploads),
    Probe("workers-old-versions", 'Cloudflare Workers, "Gradual deployments", "Limits"', _old_versions),
)
