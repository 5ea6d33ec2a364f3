"""Runs the emulated edge network of Cloudflare. Each PoP has one workerd and one L1 cache. They run the worker scripts
that are deployed in the emulated Cloudflare account.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from emulation import processes
from emulation.cloudflare import workerd
from emulation.cloudflare.deployment import Certificate, Deployment, EdgeError, Script
from emulation.cloudflare.l1 import CONNECT_SECONDS, L1Cache
from emulation.layout import CLOUDFLARE_PORT, FUNCTIONS_PORT, POP_HTTPS_PORT, POP_ORIGIN_PORT, POPS, Pop, Sandbox
from emulation.pki import Authority, Issued, names_of, write_private


class Pops:
    """All PoPs of a sandbox. The PoPs run as long as at least one worker route sends requests to a worker script."""

    def __init__(self, sandbox: Sandbox, *, cache_size: str = "256M", connect_seconds: int = CONNECT_SECONDS) -> None:
        authority = Authority(sandbox.path("pki", "edge-ca.pem").parent)
        address = f"{sandbox.cloudflare_address}:{CLOUDFLARE_PORT}"
        self._kv = workerd.KvService(address, kv_secret(sandbox))
        caches = [L1Cache(sandbox, pop, cache_size=cache_size, connect_seconds=connect_seconds) for pop in POPS]
        self._pops = [_RunningPop(sandbox, pop, authority, self._kv, l1) for pop, l1 in zip(POPS, caches, strict=True)]

    def check(self, script: Script) -> None:
        workerd.check(script, self._kv)

    def converge(self, deployment: Deployment) -> None:
        self._each(lambda pop: pop.converge(deployment) if deployment.routed else pop.stop())

    def purge(self, paths: Sequence[str]) -> None:
        """Removes the responses with the given paths from the emulated Workers Cache of every PoP."""
        self._each(lambda pop: [pop.l1.purge(path) for path in paths])

    def stop(self) -> None:
        """Ends the processes of all PoPs."""
        self._each(lambda pop: pop.stop())

    def _each(self, act: Callable[[_RunningPop], object]) -> None:
        try:
            with ThreadPoolExecutor(len(self._pops)) as pool:
                list(pool.map(act, self._pops))
        except processes.ProcessError as error:
            raise EdgeError(str(error)) from error


class _RunningPop:
    """The two processes of one running PoP: workerd, and Traffic Server as its L1 cache."""

    def __init__(self, sandbox: Sandbox, pop: Pop, authority: Authority, kv: workerd.KvService, l1: L1Cache) -> None:
        self._sandbox = sandbox
        self._pop = pop
        self._authority = authority
        self._kv = dataclasses.replace(kv, pop=pop.colo)
        self._name = f"pop-{pop.colo}-workerd"
        self._directory = sandbox.path("pops", pop.colo, "workerd")
        self._address = sandbox.pop_address(pop)
        self.l1 = l1

    def converge(self, deployment: Deployment) -> None:
        client = _client_certificate(deployment)
        if client is not None:
            self.l1.converge(client)
        listen = workerd.Listeners(f"{self._address}:{POP_HTTPS_PORT}", f"{self._address}:{POP_ORIGIN_PORT}")
        served = self._served(set(deployment.hostnames))
        internet = f"{self._sandbox.functions_address}:{FUNCTIONS_PORT}"
        files = workerd.configuration(deployment, self._pop, listen, self.l1.service, internet, self._kv, served)
        if processes.pid_of(self._sandbox, self._name) is not None:
            if _held(self._directory) == files:
                return
            processes.stop(self._sandbox, self._name)
        shutil.rmtree(self._directory, ignore_errors=True)
        workerd.write(self._directory, files)
        processes.start(
            self._sandbox,
            self._name,
            [workerd.binary(), "serve", "workerd.capnp"],
            cwd=self._directory,
            ready=lambda: processes.listening(self._address, POP_HTTPS_PORT),
        )

    def stop(self) -> None:
        processes.stop(self._sandbox, self._name)
        self.l1.stop()

    def _served(self, hosts: set[str]) -> Issued:
        """Returns a server certificate of the PoP for the given host names. Reuses the stored certificate if it has
        exactly these names and does not expire soon.
        """
        chain, key = self._directory / "edge.pem", self._directory / "edge.key"
        if chain.exists() and names_of(chain.read_bytes()) == hosts:
            return Issued(chain.read_bytes(), key.read_bytes())
        return self._authority.issue(sorted(hosts))


def kv_secret(sandbox: Sandbox) -> str:
    """Returns the secret with which PoPs authenticate to the Workers KV service. The first call creates the secret."""
    path = sandbox.path("cloudflare", "kv-secret")
    if not path.exists():
        write_private(path, secrets.token_hex(32).encode())
    return path.read_text()


def _client_certificate(deployment: Deployment) -> Certificate | None:
    ids = {b["certificate_id"] for s in deployment.routed for b in s.bindings if b["type"] == "mtls_certificate"}
    if len(ids) > 1:
        raise EdgeError(f"not emulated: several mTLS certificates in use at once ({', '.join(sorted(ids))})")
    return deployment.certificates[ids.pop()] if ids else None


def _held(directory: Path) -> workerd.Files:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {PurePosixPath(file.relative_to(directory)): file.read_bytes() for file in files}
