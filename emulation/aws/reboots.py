"""Counts the reboots of each EC2 instance. The emulated hypervisor reads the counts over HTTP, and reboots a machine
when the count of its instance has changed.

On EC2, a reboot request has no effect on a terminated instance (EC2 API Reference, "RebootInstances"). Without this
module, moto would start the instance again.

The API of the real EC2 has no such counts, because its hypervisors learn of a reboot at once. In a sandbox, the
hypervisor and the API are separate processes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import httpx
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance

from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

# The URL path at which clients read how often each instance was rebooted. The response is a JSON object, such as
# `{"i-0123": 2}`. It omits instances that were never rebooted.
PATH = "/_artifact-edge/reboots"


class Reboots:
    """WSGI middleware over the emulated AWS API that reports how many times each instance was rebooted."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return self._application(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(dict(_counted())).encode()]


def counts(url: str) -> Mapping[str, int]:
    """Returns how often each instance was rebooted. `url` is the URL of the emulated AWS. Raises httpx.HTTPError when
    the emulated AWS does not answer.
    """
    return httpx.get(f"{url}{PATH}", trust_env=False, timeout=60).raise_for_status().json()


def patches() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yields each method of moto that the emulation replaces: the class, the method's name, and the new method."""
    yield Instance, "reboot", _reboot


def patch_reboots() -> None:
    for owner, name, method in patches():
        setattr(owner, name, method)


def _reboot(instance: Any) -> None:
    if instance._state.name == "running":
        instance.reboots = getattr(instance, "reboots", 0) + 1


def _counted() -> Iterator[tuple[str, int]]:
    for backend in list(cast(Any, ec2_backends)[AWS_ACCOUNT_ID].values()):
        for instance in backend.all_instances():
            if count := getattr(instance, "reboots", 0):
                yield instance.id, count
