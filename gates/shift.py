"""Computes how a Pulumi plan moves clients to other targets of DNS records and load balancers. The module starts at the
DNS names that clients use, and follows their records before and after the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gates.limits import Limits
from gates.plan import Plan
from gates.traffic import Split, client_names, moved, splits


@dataclass(frozen=True)
class Shift:
    """How a plan changes the targets that clients reach. A root is a DNS name that clients use, such as
    `packages.example.com`. DNS records can direct clients from a root to other names.

    `before` and `after` map each name to its targets, before and after the plan is applied. `arrived[root][name]` is
    the share of the root's clients that look up the name before the plan is applied. `arriving[root][name]` is this
    share after the plan is applied.
    """

    before: Mapping[str, Split]
    after: Mapping[str, Split]
    arrived: Mapping[str, Mapping[str, float]]
    arriving: Mapping[str, Mapping[str, float]]

    @property
    def roots(self) -> set[str]:
        return {*self.arrived, *self.arriving}

    def passed(self, root: str) -> set[str]:
        """Returns all DNS names that clients look up to resolve `root`, before or after the plan is applied: `root`
        itself and the names that its records point to.
        """
        return {*self.arrived.get(root, {}), *self.arriving.get(root, {})}

    def weight(self, name: str) -> float:
        """Returns the share of clients that look up the DNS name `name`. This share can differ between the hostnames in
        `roots`, and between the time before and after the plan is applied. The result is the largest of these shares,
        or 1 if no hostname in `roots` leads to `name`.
        """
        shares = [found[name] for of in (self.arrived, self.arriving) for found in of.values() if name in found]
        return max(shares, default=1.0)

    def is_covered(self, name: str) -> bool:
        """Returns True if the plan adds or removes the DNS name `name`, and the records of another name lead to it. The
        plan gate, which checks Pulumi plans, then skips `name`, because its check of the other name already covers the
        same clients.
        """
        led_to = any(name in self.passed(root) - {root} for root in self.roots)
        return led_to and not all(any(_host(key) == name for key in side) for side in (self.before, self.after))

    def moved_at(self, name: str) -> float:
        """Returns the share of a DNS name's clients that the Pulumi plan moves to a different target. The result is the
        largest share of all record types, such as A and AAAA.
        """
        keys = {key for key in (*self.before, *self.after) if _host(key) == name}
        return max(moved(self.before.get(key, {}), self.after.get(key, {})) for key in keys)


def shift_of(plan: Plan, limits: Limits) -> Shift:
    """Returns how a Pulumi plan moves clients to other targets of DNS records and load balancers."""
    before, after = plan.before(), plan.after()
    names = client_names([*before, *after], limits)
    was, is_to_be = splits(before, names, limits), splits(after, names, limits)
    return Shift(was, is_to_be, _arrivals(was, names), _arrivals(is_to_be, names))


def steps_from_clients(plan: Plan, limits: Limits) -> dict[str, int]:
    """Returns how many steps each DNS name is away from clients: 0 for a name that clients use, 1 for the names that
    its records point to, and so on.
    """
    shift = shift_of(plan, limits)
    steps = dict.fromkeys(shift.roots, 0)
    waiting = list(steps)
    while waiting:
        host = waiting.pop(0)
        for side in (shift.before, shift.after):
            for name in {_host_in(target) for split in _of_host(host, side) for target in split} - steps.keys():
                if _of_host(name, side):
                    steps[name] = steps[host] + 1
                    waiting.append(name)
    return steps


def _arrivals(splits: Mapping[str, Split], names: frozenset[str]) -> dict[str, dict[str, float]]:
    """Returns which DNS names the clients of each hostname in `names` resolve, and which share of the clients resolves
    each DNS name. Leaves out hostnames without DNS records.

    For example, in `{"packages.example.com": {"packages.example.com": 1, "pops.example.com": 0.2}}` a fifth of the
    clients of `packages.example.com` also resolve `pops.example.com`.
    """
    found: dict[str, dict[str, float]] = {}
    for name in names:
        if _of_host(name, splits):
            found[name] = {}
            _arrive(name, 1.0, splits, found[name], ())
    return found


def _arrive(
    host: str, share: float, splits: Mapping[str, Split], found: dict[str, float], via: tuple[str, ...]
) -> None:
    """Adds `share` to the entry of the DNS name `host` in `found`, which maps names to shares of clients. Calls itself
    for each name that the records of `host` point to.
    """
    found[host] = found.get(host, 0.0) + share
    onwards: dict[str, float] = {}
    for split in _of_host(host, splits):
        for target, part in split.items():
            name = _host_in(target)
            # A client looks up several record types of `host`, such as A and AAAA. The function takes the maximum over
            # the record types, because a sum would count the client several times.
            onwards[name] = max(onwards.get(name, 0.0), part)
    for name, part in onwards.items():
        if name not in (host, *via) and _of_host(name, splits):
            _arrive(name, share * part, splits, found, (*via, host))


def _of_host(host: str, splits: Mapping[str, Split]) -> list[Split]:
    return [split for name, split in splits.items() if _host(name) == host]


def _host_in(target: str) -> str:
    """Returns the target of a DNS record without quotation marks around it, and without the dot at its end."""
    return target.strip('"').rstrip(".")


def _host(key: str) -> str:
    """Returns the DNS name in a string that consists of a DNS name and a record type, such as `packages.example.com
    CNAME`.
    """
    return key.partition(" ")[0]
