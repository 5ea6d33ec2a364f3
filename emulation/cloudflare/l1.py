"""Runs one Traffic Server process for each PoP. This process emulates Workers Cache, and connects the PoP's workers to
shields (regional caches).

Each process has its own configuration files, rendered from the templates in pop/l1/.
"""

from __future__ import annotations

import http.client
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulation import processes
from emulation.cloudflare.deployment import Certificate, EdgeError
from emulation.layout import DNS_PORT, POP_L1_PORT, POP_ORIGIN_PORT, Pop, Sandbox
from emulation.pki import public_authorities, write_private

TEMPLATES = Path(__file__).parent / "pop" / "l1"
# The user that Debian's package of Traffic Server creates. Traffic Server refuses to run as root.
USER = "trafficserver"
PLACES = ("etc", "cache", "run", "log")
# The number of seconds after which Cloudflare gives up a connection attempt to an origin
# (fundamentals/reference/connection-limits, "Complete TCP Connection").
CONNECT_SECONDS = 19

Files = Mapping[str, bytes]


class L1Cache:
    """The L1 cache of one PoP.

    `cache_size` is the size of the cache on disk in the notation of Traffic Server's storage.config, such as `256M`.
    `connect_seconds` is the time after which the PoP gives up a connection attempt to a shield (a regional cache).
    """

    def __init__(
        self, sandbox: Sandbox, pop: Pop, *, cache_size: str = "256M", connect_seconds: int = CONNECT_SECONDS
    ) -> None:
        self._sandbox = sandbox
        self._name = f"pop-{pop.colo}-l1"
        self._directory = sandbox.path("pops", pop.colo, "l1", "etc").parent
        self._address = sandbox.pop_address(pop)
        self._cache_size = cache_size
        self._connect_seconds = connect_seconds

    @property
    def service(self) -> str:
        """Returns the address and port at which a PoP's workers reach L1, the PoP's cache."""
        return f"{self._address}:{POP_L1_PORT}"

    def converge(self, client: Certificate) -> None:
        """Starts the PoP's Traffic Server, or restarts it if its configuration has changed.

        `client` is the certificate that Traffic Server presents to shields (regional caches). Each shield must present
        a certificate from a public certificate authority. This rule follows Cloudflare, which requires a public
        certificate when a worker sends a request to a name outside of its zone. For requests to such names, Cloudflare
        ignores the zone's custom origin trust store and the zone's encryption mode (workerd, compatibility flag
        `no_cots_on_external_fetch`, the default since 2022-03-08; Cloudflare 5xx errors, "Error 526").
        """
        files = self._files(client)
        if processes.pid_of(self._sandbox, self._name) is not None:
            if self._held() == files:
                return
            processes.stop(self._sandbox, self._name)
        for place in PLACES:
            (self._directory / place).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in files.items():
            write_private(self._directory / name, content)
        self._start()

    def purge(self, path: str) -> None:
        """Removes the response for `http://l1.invalid<path>` from the PoP's L1 cache, if the cache contains the
        response.

        Raises EdgeError when the cache does not answer or answers with an error.
        """
        if processes.pid_of(self._sandbox, self._name) is None:
            return
        connection = http.client.HTTPConnection(self._address, POP_L1_PORT, timeout=10)
        try:
            connection.request("PURGE", path, headers={"Host": "l1.invalid"})
            status = connection.getresponse().status
        except OSError as error:
            raise EdgeError(f"{self._name} does not answer: {error}") from error
        finally:
            connection.close()
        if status not in (200, 404):
            raise EdgeError(f"{self._name} answered {status} to PURGE {path}")

    def stop(self) -> None:
        processes.stop(self._sandbox, self._name)

    def _files(self, client: Certificate) -> Files:
        return {
            **{self._place(template.name): self._filled(template) for template in sorted(TEMPLATES.iterdir())},
            "etc/client.pem": client.chain.encode(),
            "etc/client.key": client.key.encode(),
            "etc/origin-ca.pem": public_authorities(self._sandbox.path("pki", "public.pem").parent),
        }

    def _held(self) -> Files:
        files = [*(self._directory / "etc").iterdir(), self._directory / "runroot.yaml"]
        return {str(file.relative_to(self._directory)): file.read_bytes() for file in files}

    def _place(self, template: str) -> str:
        return template if template == "runroot.yaml" else f"etc/{template}"

    def _filled(self, template: Path) -> bytes:
        placeholders: dict[str, Any] = {
            "DIRECTORY": self._directory,
            "ADDRESS": self._address,
            "PORT": POP_L1_PORT,
            "ORIGIN_PORT": POP_ORIGIN_PORT,
            "NAMESERVER": f"{self._sandbox.dns_address}:{DNS_PORT}",
            "CACHE_SIZE": self._cache_size,
            "CONNECT_SECONDS": self._connect_seconds,
        }
        text = template.read_text()
        for placeholder, value in placeholders.items():
            text = text.replace(f"@{placeholder}@", str(value))
        return text.encode()

    def _start(self) -> None:
        program = shutil.which("traffic_server")
        if program is None:
            raise EdgeError("Traffic Server is not installed: apt-get install trafficserver")
        user = USER if os.geteuid() == 0 else None
        if user is not None:
            _hand_over(self._directory, user)
        processes.start(
            self._sandbox,
            self._name,
            [program],
            env={"TS_RUNROOT": str(self._directory / "runroot.yaml")},
            cwd=self._directory,
            user=user,
            ready=lambda: processes.listening(self._address, POP_L1_PORT),
        )


def _hand_over(directory: Path, user: str) -> None:
    """Makes `user` the owner of all files of an L1 cache. Raises EdgeError when `user` cannot enter a parent
    directory."""
    closed = [parent for parent in directory.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise EdgeError(f"the user {user} cannot enter {closed[0]}: chmod o+x {closed[0]}")
    shutil.chown(directory, user)
    for path in directory.rglob("*"):
        shutil.chown(path, user)
