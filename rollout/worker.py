"""The versions of the edge worker on Cloudflare, and the deployment that says which of them answer requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from cloudflare import Cloudflare

from contract.worker_releases import release_message, rolled_back_message
from infra.edge import COMPATIBILITY_DATE
from infra.edge.cloudflare import CACHE_OPTIONS, ENTRYPOINTS, MODULE, worker_version
from rollout import RolloutError

_VERSION_BINDING = "VERSION"


@dataclass(frozen=True)
class Version:
    """A version of the edge worker. `name` is the value of the version's binding VERSION, which identifies the code.
    Without this binding, `name` is the version's `id`. Cloudflare numbers the versions of a script: a later version has
    a higher `number`. `bindings` are the names of the version's bindings.
    """

    id: str
    name: str
    number: int
    bindings: Sequence[str]


@dataclass(frozen=True)
class Serving:
    """The deployment of the edge worker that answers requests now.

    During a release by percentage, `new` answers `percentage` percent of the requests, and `old` answers the other
    requests. At other times, `old` answers all requests, and `new` is None.
    """

    id: str
    since: datetime
    message: str
    old: Version
    new: Version | None = None
    percentage: float = 0

    def under_way(self) -> tuple[Version, float]:
        """Returns the new version and the percentage of the requests that it answers. Raises RolloutError if no release
        by percentage is under way.
        """
        if self.new is None:
            raise RolloutError(
                f"no release by percentage is under way: {self.old.name} answers all requests. "
                "Start one: python -m rollout start"
            )
        return self.new, self.percentage

    def check_advance(self, percentage: float) -> Version:
        """Returns the new version. Raises RolloutError if `percentage` is not larger than the new version's percentage
        now.
        """
        new, current = self.under_way()
        if percentage <= current:
            raise RolloutError(
                f"{new.name} answers {current:g} % of the requests already; name a larger percentage, or roll back"
            )
        return new


class Worker:
    """The edge worker of a stack. The API token of the client `api` must have the permission to edit the workers of the
    Cloudflare account.
    """

    def __init__(self, api: Cloudflare, account_id: str, script: str) -> None:
        self._api = cast(Any, api)
        self.account_id = account_id
        self.script = script

    def deployment_id(self) -> str:
        """Returns the id of the worker deployment that answers requests now. The method `serving` also requests the
        details of the deployment's versions; this method does not.
        """
        return self._deployments()[0]["id"]

    def serving(self) -> Serving:
        """Returns the worker deployment that answers requests now."""
        newest = self._deployments()[0]
        # If the deployment has two versions, the version with the higher number is the one that is being released. The
        # numbers show this even if another program created the deployment.
        versions = sorted((self._version(part["version_id"]) for part in newest["versions"]), key=lambda it: it.number)
        shares = {part["version_id"]: float(part["percentage"]) for part in newest["versions"]}
        annotations: Mapping[str, str] = newest.get("annotations") or {}
        since, message = datetime.fromisoformat(newest["created_on"]), annotations.get("workers/message", "")
        if len(versions) == 1:
            return Serving(newest["id"], since, message, versions[0])
        old, new = versions
        return Serving(newest["id"], since, message, old, new, shares[new.id])

    def start(self, bundle: str, percentage: int) -> None:
        """Uploads the compiled worker `bundle` as a new version, and lets it answer a percentage of the requests.

        The new version takes over all bindings of the version that answers now, except the binding VERSION.
        """
        now = self.serving()
        if now.new is not None:
            raise RolloutError(
                f"the release of {now.new.name} is under way, at {now.percentage:g} %. Advance it or roll it back first"
            )
        name = worker_version(bundle)
        if name == now.old.name:
            raise RolloutError(f"{name} answers all requests already; change the worker before you release it")
        new = self._upload(bundle, name, now.old)
        self._deploy([(now.old.id, 100 - percentage), (new, percentage)], release_message(name, percentage))

    def advance(self, percentage: int) -> None:
        """Lets the new version answer a larger percentage of the requests. At 100 percent, the release ends."""
        now = self.serving()
        new = now.check_advance(percentage)
        parts = [(now.old.id, 100 - percentage), (new.id, percentage)]
        self._deploy([part for part in parts if part[1]], release_message(new.name, percentage))

    def roll_back(self) -> tuple[Version, Version]:
        """Makes an older version answer all requests again. During a release, the older version is the one from before
        the release. At other times, it is the version that was deployed before the current version.

        Returns two versions: the one that no longer answers requests, and the one that now answers all requests.
        """
        now = self.serving()
        left, kept = (now.new, now.old) if now.new else (now.old, self._before(now.old))
        self._deploy([(kept.id, 100)], rolled_back_message(left.name))
        return left, kept

    def _before(self, current: Version) -> Version:
        for deployment in self._deployments():
            known = [self._version(part["version_id"]) for part in deployment["versions"]]
            oldest = min(known, key=lambda version: version.number)
            if oldest.number < current.number and oldest.name != current.name:
                return oldest
        raise RolloutError(f"{self.script} has never had an earlier version than {current.name}")

    def _upload(self, bundle: str, name: str, source: Version) -> str:
        """Uploads a bundle as a new version without deploying it, and returns the version's id."""
        inherited = [
            {"name": binding, "type": "inherit", "version_id": source.id}
            for binding in source.bindings
            if binding != _VERSION_BINDING
        ]
        created = self._api.workers.scripts.versions.with_raw_response.create(
            self.script,
            account_id=self.account_id,
            bindings_inherit="strict",
            metadata={
                "main_module": MODULE,
                "compatibility_date": COMPATIBILITY_DATE,
                "bindings": [*inherited, {"name": _VERSION_BINDING, "type": "plain_text", "text": name}],
                "cache_options": CACHE_OPTIONS,
                "exports": ENTRYPOINTS,
                "annotations": {"workers/tag": name},
            },
            files=[(MODULE, bundle.encode(), "application/javascript+module")],
        )
        return created.json()["result"]["id"]

    def _deploy(self, parts: Sequence[tuple[str, float]], message: str) -> None:
        self._api.workers.scripts.deployments.with_raw_response.create(
            self.script,
            account_id=self.account_id,
            strategy="percentage",
            versions=[{"version_id": id, "percentage": percentage} for id, percentage in parts],
            annotations={"workers/message": message},
        )

    # Cloudflare's SDK cannot parse the API's responses with versions and deployments. The following methods therefore
    # read the responses as JSON.

    def _deployments(self) -> list[dict[str, Any]]:
        answer = self._api.workers.scripts.deployments.with_raw_response.list(self.script, account_id=self.account_id)
        return answer.json()["result"]["deployments"]

    def _version(self, id: str) -> Version:
        versions = self._api.workers.scripts.versions.with_raw_response
        found = versions.get(id, account_id=self.account_id, script_name=self.script).json()["result"]
        bindings: list[dict[str, Any]] = found["resources"]["bindings"]
        names = [binding["text"] for binding in bindings if binding["name"] == _VERSION_BINDING]
        return Version(id, names[0] if names else id, int(found["number"]), [each["name"] for each in bindings])
