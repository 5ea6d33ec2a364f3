"""Runs the listeners and the health checks of all accelerators in one process."""

from __future__ import annotations

import asyncio
import logging
from random import Random, SystemRandom

from botocore.exceptions import BotoCoreError, ClientError

from emulation.accelerators.configuration import Accelerators, Configuration, Endpoint, Listener
from emulation.accelerators.forwarding import Choose, listen
from emulation.accelerators.routing import choose
from emulation.dns.answers import DEFAULT_CLIENT_LOCATION
from emulation.dns.health import HealthChecks
from emulation.layout import CLIENT_LOCATIONS, Sandbox

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0

# The address and the port at which a listener accepts connections.
_Entry = tuple[str, int]


class AcceleratorService:
    """Forwards connections from the accelerators of a sandbox (a set of emulated clouds) to their endpoints. If the API
    of the emulated AWS does not answer, the service continues with the last configuration that it read.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._accelerators = Accelerators(sandbox.aws_url)
        self._locations = {sandbox.client_location_address(each): each for each in CLIENT_LOCATIONS}
        # The endpoints of accelerators are IP addresses, so the health checks never resolve a host name.
        self._checks = HealthChecks(lambda _: ())
        self._random = SystemRandom()
        self._configuration = Configuration()
        self._listeners: dict[_Entry, Listener] = {}
        self._servers: dict[_Entry, asyncio.Server] = {}

    async def run(self) -> None:
        silent = False
        try:
            while True:
                try:
                    await self.apply(await asyncio.to_thread(self._accelerators.read))
                    silent = False
                except (BotoCoreError, ClientError) as error:
                    if not silent:
                        _log.warning("the emulated AWS does not answer; the last accelerators stay served: %s", error)
                    silent = True
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Ends the health checks, and accepts no more connections."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        await self._checks.stop()

    async def apply(self, configuration: Configuration) -> None:
        """Applies a configuration of the accelerators to new connections. Connections that are already open stay with
        their endpoints.
        """
        if configuration == self._configuration:
            return
        for reason in sorted({*configuration.refused} - {*self._configuration.refused}):
            _log.error("%s; no connection is accepted", reason)
        self._configuration = configuration
        self._listeners = {
            (address, port): listener
            for listener in configuration.listeners
            for address in listener.addresses
            for port in listener.ports
        }
        self._checks.configure(
            endpoint.check
            for listener in configuration.listeners
            for group in listener.groups
            for endpoint in group.endpoints
        )
        for entry in self._servers.keys() - self._listeners.keys():
            self._servers.pop(entry).close()
        for entry in sorted(self._listeners.keys() - self._servers.keys()):
            self._servers[entry] = await listen(*entry, self._chooser(entry))
            _log.info("accepting connections to %s:%d", *entry)

    def _chooser(self, entry: _Entry) -> Choose:
        """Returns a function that chooses the endpoint for a connection. `entry` is the address and port at which the
        connection was accepted. The function reads the configuration again for each connection.
        """

        def chosen(client: str) -> Endpoint | None:
            listener = self._listeners.get(entry)
            if listener is None:
                return None
            # With client affinity, the client's address seeds the random numbers, so all connections of one client go
            # to the same endpoint while it is healthy.
            random = Random(f"{listener.arn} {client}") if listener.by_client else self._random  # noqa: S311
            location = self._locations.get(client, DEFAULT_CLIENT_LOCATION)
            return choose(listener.groups, location, lambda endpoint: self._checks.healthy(endpoint.check.id), random)

        return chosen
