"""Installs real trees of packages with and without prediction, and draws docs/prediction.svg.

`python -m tests.bench.predicted_installs` starts a stack with prediction, and imports more than 300 npm packages and
more than 60 wheels from the registries that npm and pip use on this machine. It also publishes an image with 20 layers.
A first client fills the shield, the regional cache. Then npm, pip and skopeo install everything twice: from a PoP with
prediction, and from a PoP without. L1, the cache of a PoP, is empty at both PoPs.

The PoPs and the shield run on the same machine. The program therefore delays each request of a PoP to the shield, as a
real network would. The program also prints which objects the PoPs requested from the shield more than once.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.chart import Bars, draw
from emulation import processes
from emulation.cloudflare import workerd
from emulation.layout import POP_HTTPS_PORT, POPS, ClientLocation
from local import operator
from local.checkout import CHECKOUT
from local.clients import Client
from tests.bench.shield_requests import COLUMNS, breakdown, is_document
from tests.clients import package_programs, trees
from tests.support.sandbox.edge import AP_SOUTHEAST, EU_WEST, US_EAST
from tests.support.sandbox.installs import Finished, in_client, skopeo_copy
from tests.support.sandbox.own_stack import OwnStack, own_stack
from tests.support.sandbox.prediction import (
    CONFIG,
    PRINCIPALS,
    REGION,
    Installed,
    await_variants,
    image,
    install,
    put_experiment,
    run,
)
from tests.support.sandbox.shields import ShieldRequest, logged_at, machines

_LOOPBACK = "127.73"
_GRANTS = ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]
# The location of the client that fills the shield's cache before the measurement. The edge prefetches nothing for this
# client.
_FILLING = AP_SOUTHEAST
_LOCATIONS: Mapping[str, ClientLocation] = {"off": US_EAST, "on": EU_WEST}
# the number of seconds that the program waits after each install, because the edge may still prefetch objects
_SETTLE_SECONDS = 5
_ECOSYSTEMS = {"npm": "npm", "pypi": "pip install", "oci": "skopeo copy"}
_IMAGE = "prediction/app:1"


def delay_shields(up: OwnStack, milliseconds: int) -> None:
    """Changes the code of each PoP: the new code waits for `milliseconds` before it sends a request to a shield.
    Restarts workerd, which runs this code.
    """
    for pop in POPS:
        name, directory = f"pop-{pop.colo}-workerd", up.sandbox.directory / "pops" / pop.colo / "workerd"
        module = directory / "shields.js"
        call = "const answer = await env.ORIGINS.fetch(request);"
        text = module.read_text()
        assert call in text
        module.write_text(text.replace(call, f"await scheduler.wait({milliseconds});\n  {call}"))
        processes.stop(up.sandbox, name)
        processes.start(
            up.sandbox,
            name,
            [workerd.binary(), "serve", "workerd.capnp"],
            cwd=directory,
            ready=lambda pop=pop: processes.listening(up.sandbox.pop_address(pop), POP_HTTPS_PORT),
        )


class Trees:
    """Imports npm and Python packages with all their dependencies into the stack, and publishes a container image
    there. `directory` has the files from which npm, pip and skopeo install them.
    """

    def __init__(self, up: OwnStack, directory: Path) -> None:
        self._directory = directory
        (directory / "npm").mkdir()
        (directory / "python").mkdir()
        trees.import_npm(up, directory / "npm")
        (directory / "npm" / "package-lock.json").unlink()
        trees.import_python(up, directory / "python")
        run(up, "publish", image(directory, "prediction"), "--repository", "prediction/app", "--tag", "1")

    def lock(self, client: Client) -> None:
        """Writes a lockfile for npm without the URLs of tarballs. If the lockfile had these URLs, `npm ci` would
        request only tarballs and no packuments. The edge predicts further requests only from documents such as
        packuments.
        """
        command = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit"]
        done = in_client(client, command, self._directory / "npm")
        assert done.returncode == 0, done.stderr

    def _has_lockfile(self) -> bool:
        return (self._directory / "npm" / "package-lock.json").exists()

    def programs(self, client: Client, name: str) -> Mapping[str, Callable[[], Finished]]:
        """Maps each ecosystem to a function that runs the ecosystem's client program (npm, pip or skopeo). The function
        installs a package or copies an image into the new directory `name`.
        """
        target = self._directory / name
        (target / "npm").mkdir(parents=True)
        for file in (self._directory / "npm").glob("package*.json"):
            (target / "npm" / file.name).write_text(file.read_text())
        npm = ["npm", "ci" if self._has_lockfile() else "install", "--ignore-scripts", "--no-audit"]
        pip = [str(package_programs.program("pip 26.3", "pip")), "install", "--quiet", "--no-cache-dir", "--no-compile"]
        pip += ["--target", str(target / "site"), *trees.PYTHON_ROOTS]
        return {
            "npm": lambda: in_client(client, npm, target / "npm"),
            # The user's environment may set PIP_FIND_LINKS to a directory of wheels. pip would then install these
            # wheels, and not those from the edge.
            "pypi": lambda: in_client(client, pip, self._directory, PIP_FIND_LINKS=""),
            "oci": lambda: skopeo_copy(client, _IMAGE, target / "image"),
        }


def client_at(up: OwnStack, location: ClientLocation, principal: str) -> Client:
    client = Client(up.sandbox, principal, up.outputs()["url"], location)
    client.configure(operator.issue_token(up.sandbox, up.outputs(), principal, _GRANTS))
    return client


@dataclasses.dataclass(frozen=True)
class Measured:
    """The measurement of one install of packages of one ecosystem. `requests` are the requests for packages of this
    ecosystem that reached the shield during the install.
    """

    installed: Installed
    requests: Sequence[ShieldRequest]


def measure(up: OwnStack, installs: Trees, variant: str, client: Client) -> dict[str, Measured]:
    (machine,) = machines(up, REGION)
    measured: dict[str, Measured] = {}
    for ecosystem, program in installs.programs(client, variant).items():
        before = len(logged_at(up, machine))
        done = install(up, variant, ecosystem, program, _LOCATIONS[variant])
        time.sleep(_SETTLE_SECONDS)
        since = logged_at(up, machine)[before:]
        requests = [each for each in since if each.key.startswith(f"{ecosystem}/") and "absent-" not in each.key]
        measured[ecosystem] = Measured(dataclasses.replace(done, shield_requests=len(requests)), requests)
    return measured


def report(off: Mapping[str, Measured], on: Mapping[str, Measured], milliseconds: int) -> list[Bars]:
    """Prints the results as a table in Markdown. Returns the bars of the chart docs/prediction.svg."""
    print("| | requests of the client | misses, off | on | seconds, off | on | requests at the shield, off | on |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    bars: list[Bars] = []
    for ecosystem, program in _ECOSYSTEMS.items():
        one, other = off[ecosystem].installed, on[ecosystem].installed
        print(
            f"| {program} | {one.verdicts.total()} | {one.misses} | {other.misses} | {one.seconds:.1f} | "
            f"{other.seconds:.1f} | {one.shield_requests} | {other.shield_requests} |"
        )
        bars.append(Bars(f"{program}: requests that missed L1, of {one.verdicts.total()}", [one.misses, other.misses]))
        bars.append(Bars(f"{program}: requests at the shield", [one.shield_requests, other.shield_requests]))
    print(f"{milliseconds} ms to the shield; {[dict(each.installed.verdicts) for each in on.values()]}")
    return bars


def explain(off: Mapping[str, Measured], on: Mapping[str, Measured]) -> None:
    """Prints a Markdown table of repeated requests. With a repeated request, L1, the cache at the edge, requests an
    object from the shield again.
    """
    print(f"| | {' | '.join(COLUMNS)} |")
    print(f"| --- |{' --- |' * len(COLUMNS)}")
    for ecosystem, program in _ECOSYSTEMS.items():
        # The keys of the objects that clients request. L1, the cache at the edge, is empty at first. Without
        # prediction, it therefore requests exactly these objects from the shield.
        wanted = {each.key for each in off[ecosystem].requests}
        for variant, measured in (("off", off), ("on", on)):
            for kind in ("documents", "files"):
                found = [
                    each for each in measured[ecosystem].requests if is_document(each.key) == (kind == "documents")
                ]
                print(f"| {program}, {kind}, {variant} | {' | '.join(breakdown(found, wanted).cells())} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--milliseconds", type=int, default=40, help="added to each request of a PoP to the shield")
    options.add_argument("--lockfile", action="store_true", help="run npm ci with a lockfile instead of npm install")
    options.add_argument("--loopback", default=_LOOPBACK)
    given = options.parse_args()
    package_programs.install()
    with (
        own_stack(given.loopback, "prediction", CONFIG) as up,
        tempfile.TemporaryDirectory() as directory,
    ):
        put_experiment(up, Path(directory))
        installs = Trees(up, Path(directory))
        delay_shields(up, given.milliseconds)
        filling = client_at(up, _FILLING, PRINCIPALS["off"])
        if given.lockfile:
            installs.lock(filling)
        for program in installs.programs(filling, "filling").values():
            done = program()
            assert done.returncode == 0, done.stderr
        clients = {variant: client_at(up, _LOCATIONS[variant], PRINCIPALS[variant]) for variant in _LOCATIONS}
        await_variants(up, _LOCATIONS)
        off, on = (measure(up, installs, variant, clients[variant]) for variant in _LOCATIONS)
        bars = report(off, on, given.milliseconds)
        explain(off, on)
        for ecosystem, program in _ECOSYSTEMS.items():
            seconds = [each[ecosystem].installed.seconds for each in (off, on)]
            bars.append(Bars(f"{program}: seconds", seconds))
        title = "Cold L1: prediction off (pale) and on"
        (CHECKOUT / "docs" / "prediction.svg").write_text(draw(title, bars))


if __name__ == "__main__":
    main()
