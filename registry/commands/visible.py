"""`python -m registry visible`: measures the time from a change until readers see it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from contract.metrics import OBJECTIVE_SECONDS
from registry import RegistryError
from registry.commands import Outputs

app = typer.Typer()
_TOKEN = "ARTIFACT_EDGE_TOKEN"  # noqa: S105  the variable's name


@app.command()
def visible(
    package: Annotated[str, typer.Argument(help="npm:@acme/web, pypi:acme-greeter or oci:acme/app, just published")],
    stack_outputs: Outputs,
    via: Annotated[
        list[str] | None, typer.Option(help="<name>=<proxy URL>: a proxy to reach the edge through; can be repeated")
    ] = None,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the change")] = 60.0,
    objective: Annotated[float, typer.Option(help="seconds that the change may take")] = OBJECTIVE_SECONDS,
) -> None:
    """Measure when all origins, shields (regional caches) and edges serve the last change of a package. Report the
    times as metrics.

    Requests to the edge use the token in ARTIFACT_EDGE_TOKEN. Without a token, the command does not measure the edge.
    """
    from registry.cloudflare.api import is_token
    from registry.ecosystems.packages import parse
    from registry.target import read_target
    from registry.visible import Follower, complaint

    # An error of the HTTP client would show a token that has a line break.
    token = os.environ.get(_TOKEN, "").strip()
    if token and not is_token(token):
        raise RegistryError(f"{_TOKEN}: has a space or a line break inside; copy the token again")
    target = read_target(stack_outputs)
    vias = dict(_via(each) for each in via or ())
    follower = Follower(target, parse(package), token=token, vias=vias)
    fresh = follower.age() <= objective
    if not token:
        print(f"the edge is left out: put a token that may pull {package} into {_TOKEN}", file=sys.stderr)
    print(f"{package} revision {follower.revision}, committed {follower.published}")
    followed = follower.follow(timeout)
    seen = [each for each in followed if each.reached]
    for each in followed:
        unseen = f"{'not yet' if each.reached else 'not reachable from this machine:'} {each.error}".rstrip()
        result = unseen if each.seconds is None else f"{each.seconds:.1f} s"
        print(f"{each.place[0]:<7} {each.place[1]:<20} {result}")
    if fresh:
        ended = follower.age()
        target.metrics.publish_to_visible({each.place: each.seconds or ended for each in seen})
    else:
        print("the change was committed long before this run, so its times are not reported to the alarms")
    if found := complaint(seen, timeout, objective if fresh else None):
        raise RegistryError(f"{package}: {found}; see docs/publish-to-visible.md")


def _via(text: str) -> tuple[str, str]:
    name, separator, proxy = text.partition("=")
    if not separator or not proxy.startswith(("http://", "https://")):
        raise RegistryError(f"--via {text!r}: write <name>=<proxy URL>, such as eu-west=http://proxy.example:3128")
    return name, proxy
