"""Finds the read paths of clients in the resource graph of a stack. A read path leads from the name that clients use to
the buckets and the stores of tokens.

The module reads only the types, properties and dependencies of resources. If the module does not find a resource, it
treats the resource as absent. In case of doubt, the module therefore reports a path as broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from gates import user_data
from gates.accelerators import endpoint_groups
from gates.balancers import balanced_machines
from gates.fault_tree import Need, Part
from gates.places import region_of
from gates.plan import Resource, known
from gates.resource_types import BUCKETS, NODES, RECORDS

# The plan gate checks a Pulumi plan before `pulumi up`. It simulates reads of packages in two cases. In the case
# `cached`, the client's token is in the edge worker's key-value store or, for our own PoPs, in a replica of the
# metadata table. In the case `cold`, the edge worker or the PoP must query the metadata API for the token.
Token = Literal["cached", "cold"]

_CLOUDS = {"aws": "cloud:aws", "gcp": "cloud:gcp", "cloudflare": "edge:cloudflare"}
_ROUTE53 = Part("Route 53", frozenset({"dns:route53", "cloud:aws"}))
# Google's load balancer fails in an outage of this service, and also in an outage of Google Cloud.
_BALANCER = frozenset({"edge:google-load-balancer", "cloud:gcp"})
# An accelerator fails in an outage of Global Accelerator, and also in an outage of AWS.
_ACCELERATOR = frozenset({"edge:global-accelerator", "cloud:aws"})


class Graph:
    """A fault tree of a stack: the resources that a client needs to read a package, and alternatives to these
    resources.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._all = [resource for resource in resources if resource.custom]
        self._by_urn = {resource.urn: resource for resource in self._all}

    def path(self, name: str, token: Token, *, objects: bool) -> Part:
        """Returns the root of the fault tree for one client request. If `objects` is true, the response to the request
        contains an object from a bucket. If it is false, the edge worker answers without reading an object.
        """
        needs = [Need("DNS for its name", [_ROUTE53])]
        for host in self._client_hosts():
            records = self._records(host)
            led = [list(self._networks_of(record, token, objects)) for record in records]
            # Route 53 leaves out a record only if the record's health check fails. Among the records with health
            # checks, one working edge network is therefore enough. A record without a health check is always in the
            # answers, so its edge network must work. Otherwise, the host name would fail for some clients.
            checked = [part for record, parts in zip(records, led, strict=True) for part in parts if _checked(record)]
            groups = [checked] * any(map(_checked, records))
            groups += [parts for record, parts in zip(records, led, strict=True) if not _checked(record)]
            needs += [Need(f"edge network for {host}", _distinct(parts)) for parts in groups]
        return Part(name, needs=needs if len(needs) > 1 else [Need("host name for clients", [])])

    def _of_type(self, *ends: str) -> list[Resource]:
        return [resource for resource in self._all if resource.type.endswith(ends)]

    @cached_property
    def _proxied(self) -> frozenset[str]:
        """The names of the DNS records in the stack's Cloudflare zones that Cloudflare proxies. These names resolve to
        Cloudflare's edge network.
        """
        records = self._of_type("cloudflare:index/dnsRecord:DnsRecord")
        return frozenset(str(one.inputs.get("name")) for one in records if one.inputs.get("proxied") is True)

    def _client_hosts(self) -> list[str]:
        """Returns the host names that clients use: the values of the edge workers' bindings HOSTNAME. If no worker has
        this binding, returns the hosts of the worker routes. Leaves out names without a DNS record.
        """
        bound = {
            str(binding.get("text"))
            for worker in self._of_type(":WorkersScript")
            for binding in _bindings(worker)
            if binding.get("name") == "HOSTNAME"
        }
        routes = {str(route.inputs.get("pattern", "")).split("/")[0] for route in self._of_type(":WorkersRoute")}
        return sorted(host for host in bound or routes if self._records(host))

    def _records(self, name: str) -> list[Resource]:
        """Returns the DNS records of a name on Route 53. Leaves out records at other providers, because clients resolve
        the name in its authoritative zone, which is on Route 53.
        """
        alike = [one for one in self._all if one.type in RECORDS and str(one.inputs.get("name")).rstrip(".") == name]
        return [one for one in alike if one.type.startswith("aws:")]

    def _networks_of(self, record: Resource, token: Token, objects: bool) -> Iterator[Part]:
        """Yields the edge networks that a DNS record points to, directly or through another name. Each machine of our
        own PoPs is a separate edge network in the result, because one healthy machine is enough to serve clients.
        """
        yield from (self._pop(machine, token, objects) for machine in self._machines if self._leads_to(record, machine))
        yield from self._behind_accelerator(record, token, objects)
        for machine in balanced_machines(record, self._all):
            behind = Need("machine", [self._pop(machine, token, objects)])
            yield Part(f"{machine.label} through Google's load balancer", _BALANCER, [behind])
        for target in record.inputs.get("records") or [one.get("name") for one in record.inputs.get("aliases", [])]:
            if known(target) and str(target).rstrip(".") in self._proxied:
                yield self._cloudflare(token, objects)
            elif known(target):
                for further in _answering_all(self._records(str(target).rstrip("."))):
                    yield from self._networks_of(further, token, objects)

    def _behind_accelerator(self, record: Resource, token: Token, objects: bool) -> Iterator[Part]:
        """If a DNS record points to an accelerator of Global Accelerator, yields the machines behind the accelerator.
        Clients reach these machines only while Global Accelerator works.
        """
        groups = endpoint_groups(record, self._all)
        for machine in self._machines:
            if any(machine.urn in group.uses() for group in groups):
                behind = Need("machine", [self._pop(machine, token, objects)])
                yield Part(f"{machine.label} through Global Accelerator", _ACCELERATOR, [behind])

    def _cloudflare(self, token: Token, objects: bool) -> Part:
        needs = [
            Need("worker", [Part(one.label) for one in self._of_type(":WorkersScript")]),
        ]
        sources = self._apis() if token == "cold" else [*self._key_values(), *self._apis()]  # noqa: S105
        needs.append(Need(f"source of {token} tokens", sources or self._key_values()))
        if objects:
            needs.append(Need("shield", self._shields(self._bound_shields())))
        return Part("Cloudflare", frozenset({"edge:cloudflare", "dns:cloudflare"}), needs)

    def _pop(self, machine: Resource, token: Token, objects: bool) -> Part:
        """Returns a machine of our own PoPs as a part of the fault tree, with the resources that the machine needs to
        answer clients. The machine reads token records from a replica of the metadata table. If the replica lacks
        a record, the machine sends a request to the metadata API.

        The user data of a new machine is not known before the metadata API exists. Until then, the machine counts as
        one that uses the shields (regional caches) of the edge worker.
        """
        program = user_data.program(machine)
        regions = user_data.table_regions(program)
        tables = [] if token == "cold" else [table for region in regions for table in self._tables(region)]  # noqa: S105
        needs = [Need(f"source of {token} tokens", [*tables, *self._apis()])]
        if objects:
            listed = user_data.shields(program) if program else self._bound_shields()
            needs.append(Need("shield", self._shields(listed)))
        return Part(machine.label, self._losses_of(machine) | {"edge:own"}, needs)

    def _bound_shields(self) -> list[dict[str, Any]]:
        bindings = (binding for worker in self._of_type(":WorkersScript") for binding in _bindings(worker))
        return [shield for binding in bindings for shield in user_data.shields(str(binding.get("text", "")))]

    def _key_values(self) -> list[Part]:
        return [
            Part(one.label, frozenset({f"store:{one.label}", "edge:cloudflare"}))
            for one in self._of_type(":WorkersKvNamespace")
        ]

    def _apis(self) -> list[Part]:
        """Returns the functions of the metadata API that an edge worker can call. The worker's bindings contain their
        URLs. Each function needs the replica of the metadata table in its own region.
        """
        workers = self._of_type(":WorkersScript")
        urls = [url for url in self._of_type(":FunctionUrl") if any(url.urn in worker.uses() for worker in workers)]
        return [
            Part(
                f"metadata API in {region_of(url)}", self._losses_of(url), [Need("table", self._tables(region_of(url)))]
            )
            for url in urls
        ]

    def _tables(self, region: str) -> list[Part]:
        """Returns the replicas of the metadata table in one region."""
        found: list[Part] = []
        for table in self._of_type("dynamodb/table:Table"):
            replicas: Sequence[Mapping[str, Any]] = table.inputs.get("replicas") or []
            if region in [region_of(table), *(str(replica.get("regionName")) for replica in replicas)]:
                atoms = frozenset({f"store:{table.label}", f"region:{region}", "cloud:aws"})
                found.append(Part(f"{table.label} in {region}", atoms))
        return found

    @cached_property
    def _machines(self) -> list[Resource]:
        return [resource for resource in self._all if resource.type in NODES]

    def _shields(self, listed: Sequence[Mapping[str, Any]]) -> list[Part]:
        return [part for shield in listed for part in self._shield(str(shield["host"]).split(":")[0])]

    def _shield(self, host: str) -> list[Part]:
        """Returns the shield machines (regional caches) that a host name resolves to. Each machine is a part of the
        fault tree. The list is empty if the host name resolves to none.
        """
        if host not in self._shield_cache:
            self._shield_cache[host] = [
                Part(
                    host,
                    self._losses_of(machine),
                    [Need("DNS for its name", [_ROUTE53]), Need("origin", self._origins(machine))],
                )
                for record in self._records(host)
                for machine in self._machines
                if self._leads_to(record, machine)
            ]
        return self._shield_cache[host]

    @cached_property
    def _shield_cache(self) -> dict[str, list[Part]]:
        return {}

    def _leads_to(self, record: Resource, machine: Resource) -> bool:
        """Returns whether a DNS record points to a machine. This is true if the record's address is attached to the
        machine, or if the machine's inputs contain the address.
        """
        addresses = {
            urn
            for urn in record.uses()
            if urn in self._by_urn and self._by_urn[urn].type.endswith((":Eip", ":Address"))
        }
        attached = {urn for urn in addresses if machine.urn in self._by_urn[urn].uses()}
        associated = any(
            machine.urn in one.uses() and not addresses.isdisjoint(one.uses())
            for one in self._of_type(":EipAssociation")
        )
        return bool(attached or addresses & machine.uses()) or associated

    def _origins(self, machine: Resource) -> list[Part]:
        buckets = [one for one in self._all if one.type in BUCKETS]
        named = {one.urn: str(one.inputs.get("bucket") or one.inputs.get("name")) for one in buckets}
        return [self._bucket(one) for one in buckets if user_data.reads(machine, named[one.urn])]

    def _bucket(self, bucket: Resource) -> Part:
        """Returns a bucket as a part of the fault tree, with the other parts that the bucket needs. An encrypted bucket
        needs its key, and a bucket in several regions needs any one of its copies.
        """
        keys = [
            Part(key.label, self._losses_of(key) | {f"store:{key.label}"})
            for setting in self._of_type(":BucketServerSideEncryptionConfiguration")
            if bucket.urn in setting.uses()
            for key in self._of_type("kms/key:Key", ":ReplicaKey")
            if key.urn in setting.uses()
        ]
        placement: Mapping[str, Sequence[str]] = bucket.inputs.get("customPlacementConfig") or {"dataLocations": []}
        copies = [
            Part(f"copy in {one.lower()}", frozenset({f"region:{one.lower()}"})) for one in placement["dataLocations"]
        ]
        needs = [Need(what, parts) for what, parts in (("key", keys), ("copy", copies)) if parts]
        standing = self._losses_of(bucket) if not copies else frozenset({_CLOUDS["gcp"]})
        return Part(bucket.label, standing | {f"store:{bucket.label}"}, needs)

    def _losses_of(self, resource: Resource) -> frozenset[str]:
        """Returns the outages that take a resource down: outages of its cloud, its region or its zones."""
        found = {_CLOUDS[resource.type.split(":")[0]]}
        region = region_of(resource)
        if region:
            found.add(f"region:{region}")
        subnets = [self._by_urn[urn] for urn in resource.uses() if urn in self._by_urn]
        zones = [subnet.inputs.get("availabilityZone") for subnet in subnets if subnet.type.endswith(":Subnet")]
        zones.append(resource.inputs.get("zone"))
        return frozenset(found | {f"zone:{zone}" for zone in zones if zone})


def _checked(record: Resource) -> bool:
    """Returns whether DNS leaves a record out of its answers while the record's target is unhealthy."""
    aliases: Sequence[Mapping[str, Any]] = record.inputs.get("aliases") or []
    return bool(record.inputs.get("healthCheckId") or any(one.get("evaluateTargetHealth") is True for one in aliases))


def _answering_all(records: Sequence[Resource]) -> Sequence[Resource]:
    """Selects the DNS records of a name that can answer every client. If the records use geolocation, only the default
    record can answer every client. Clients of an area get the default record if the area's records are unhealthy.
    Clients without a known location also get the default record.
    """
    located = [record for record in records if record.inputs.get("geolocationRoutingPolicies")]
    default = [one for one in located if one.inputs["geolocationRoutingPolicies"][0].get("country") == "*"]
    return default if located else records


def _bindings(worker: Resource) -> Sequence[Mapping[str, Any]]:
    return worker.inputs.get("bindings") or []


def _distinct(parts: Sequence[Part]) -> list[Part]:
    """Returns the given parts of a fault tree without duplicates: one part for each name. An edge network occurs in
    `parts` once for each DNS record that points to this network.
    """
    return list({part.name: part for part in parts}.values())
