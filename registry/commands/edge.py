"""Commands that show and change the edge policy: which packages and versions the edge refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry import RegistryError
from registry.commands import Outputs, Principal, experiments

if TYPE_CHECKING:
    from registry.edge_policy.document import Policy
    from registry.edge_policy.versions import Changed
    from registry.target import Target

app = typer.Typer(no_args_is_help=True, help=__doc__)
policy_app = typer.Typer(no_args_is_help=True, help="The edge policy: which packages and versions the edge refuses.")
app.add_typer(policy_app, name="policy")
app.add_typer(experiments.app, name="experiment")

Networks = Annotated[
    list[str], typer.Argument(help="networks in CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32, or addresses")
]
Document = Annotated[Path, typer.Argument(help="file with the policy (JSON), or - for standard input")]


@app.callback()
def root() -> None:
    """Manage the edge network: its policy and its experiments."""


@app.command()
def block(networks: Networks, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Refuse all requests of clients in these networks, in all PoPs, within 5 seconds. This changes the edge policy."""
    from registry import caller
    from registry.edge_policy import blocking
    from registry.target import read_target

    target = read_target(stack_outputs)
    _report(target, blocking.block(target, caller.by(target, "edge block", principal), networks))


@app.command()
def unblock(networks: Networks, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Stop refusing the requests of clients in these networks. This changes the edge policy."""
    from registry import caller
    from registry.edge_policy import blocking
    from registry.target import read_target

    target = read_target(stack_outputs)
    _report(target, blocking.unblock(target, caller.by(target, "edge unblock", principal), networks))


@app.command()
def blocked(stack_outputs: Outputs) -> None:
    """List the networks whose requests the edge refuses, and print their number to standard error."""
    from registry.edge_policy import versions
    from registry.target import read_target

    found = versions.current(read_target(stack_outputs))
    networks = _blocked(found.text) if found else []
    for network in networks:
        print(network)
    print(f"number of blocked networks: {len(networks)}", file=sys.stderr)


@policy_app.callback()
def policy_root() -> None:
    """Manage the edge policy, which says which packages and versions the edge refuses."""


@policy_app.command()
def check(document: Document) -> None:
    """Validate a document of the edge policy. For each mistake, print the rule, the value, and the accepted values."""
    policy = _policy(document)
    experiments = f"; number of experiments: {len(policy.experiments)}" if policy.experiments else ""
    blocked = f"; number of blocked networks: {len(policy.blocked)}" if policy.blocked else ""
    print(f"{document}: valid; number of rules: {len(policy.rules)}{experiments}{blocked}")


@policy_app.command()
def put(
    document: Document,
    stack_outputs: Outputs,
    replaces: Annotated[
        int, typer.Option(min=0, help="version of the policy that you changed, as `get` prints; 0 for the first policy")
    ] = 0,
    principal: Principal = "",
) -> None:
    """Put an edge policy in force in all PoPs, within 5 seconds. The option --replaces must name the version that is
    now in force; otherwise, the command fails.
    """
    from registry import caller
    from registry.edge_policy import versions
    from registry.target import read_target

    policy = _policy(document)
    target = read_target(stack_outputs)
    _report(target, versions.put(target, caller.by(target, "edge policy put", principal), policy, replaces))


@policy_app.command()
def get(
    stack_outputs: Outputs,
    version: Annotated[int, typer.Option(min=0, help="number of an earlier version; 0 for the one in force")] = 0,
) -> None:
    """Print a document of the edge policy to standard output, and its version number to standard error."""
    from registry.edge_policy import versions
    from registry.target import read_target

    target = read_target(stack_outputs)
    found = versions.version(target, version) if version else versions.current(target)
    if found is None:
        raise RegistryError("there is no edge policy yet; put one: python -m registry edge policy put")
    print(json.dumps(json.loads(found.text), indent=2, ensure_ascii=False))
    print(f"version {found.number}, by {found.by.principal} at {found.at}", file=sys.stderr)


@policy_app.command()
def history(stack_outputs: Outputs) -> None:
    """List all versions of the edge policy. Print the number, time, principal, verified identity, digest and change of
    each version.
    """
    from registry.edge_policy import versions
    from registry.target import read_target

    for found in versions.history(read_target(stack_outputs)):
        known = f" ({found.by.caller})" if found.by.caller else ""
        rules, networks = len(json.loads(found.text)["rules"]), len(_blocked(found.text))
        more = f", blocked networks: {networks}" if networks else ""
        more += f", restores version {found.restores}" if found.restores else ""
        print(f"{found.number}  {found.at}  {found.by.principal}{known}  {found.digest}  rules: {rules}{more}")


@policy_app.command()
def rollback(
    stack_outputs: Outputs,
    version: Annotated[
        int, typer.Option(min=0, help="number of the version to restore; 0 for the one before the one in force")
    ] = 0,
    principal: Principal = "",
) -> None:
    """Restore an earlier version of the edge policy. The restored policy gets a new version number."""
    from registry import caller
    from registry.edge_policy import versions
    from registry.target import read_target

    target = read_target(stack_outputs)
    _report(target, versions.rollback(target, caller.by(target, "edge policy rollback", principal), version))


def _report(target: Target, changed: Changed) -> None:
    """Prints the result of a change, with the networks that are now blocked or no longer blocked."""
    from registry.edge_policy import versions

    version = changed.version
    restored = f", which restores version {version.restores}" if changed.new and version.restores else ""
    print(f"{'in force' if changed.new else 'already in force'}: version {version.number}{restored}")
    replaced = versions.version(target, version.replaces) if changed.new and version.replaces else None
    before, after = _blocked(replaced.text) if replaced else [], _blocked(version.text)
    for change, one, other in (("now blocked", after, before), ("no longer blocked", before, after)):
        if changed.new and (networks := [network for network in one if network not in other]):
            print(f"{change}: {', '.join(networks)}")
    if changed.edge_error:
        print(
            f"warning: the edge's key-value store could not be updated: {changed.edge_error}; the metadata API names "
            "the policy to the edge, but repeat the command before that API may be down",
            file=sys.stderr,
        )


def _blocked(text: str) -> list[str]:
    """Returns the networks that an edge policy with this document blocks."""
    return json.loads(text).get("blocked", [])


def _policy(document: Path) -> Policy:
    """Reads an edge policy from a file. Prints a warning for each rule without effect. A rule has no effect if an
    earlier rule matches all versions that the later rule can match.
    """
    from registry.edge_policy.document import parsed

    policy = parsed(_text(document), str(document))
    for rule, earlier in policy.unreachable():
        print(
            f"warning: rule {rule.name!r} never decides, because rule {earlier.name!r} before it matches all that it "
            "matches; put it first",
            file=sys.stderr,
        )
    return policy


def _text(document: Path) -> str:
    try:
        return sys.stdin.read() if str(document) == "-" else document.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"policy {document}: cannot be read: {error}") from None
