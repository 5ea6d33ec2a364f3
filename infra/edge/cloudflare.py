"""The edge on Cloudflare: the worker, its key-value store, its hostname, and the client certificate that the worker
presents to the shields (regional caches).

The hostname that clients connect to is a custom hostname of an existing Cloudflare zone (Cloudflare for SaaS). The
worker is the fallback origin of this zone. Every Cloudflare plan has custom hostnames. Route 53 remains the
authoritative DNS service for the domain of the hostname.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from contract.shields import HEALTH_PATH
from infra.edge import COMPATIBILITY_DATE, EdgeArgs, ValidationRecord, shields_binding
from infra.edge.activation import wait_until_active
from infra.edge.release_guard import release_guard
from infra.waf import Bound

MODULE = "worker.js"
# Settings of the Cloudflare zone: maps the id of each setting to its value. With the TLS mode `strict`, Cloudflare
# verifies the certificate of each origin whose name is in the zone (Cloudflare SSL/TLS, "Encryption modes"). Today
# there is no such origin: the zone's fallback origin is not a server, and the names of shields (regional caches) are
# outside of the zone. Cloudflare verifies the certificates of shields in every mode. The mode `strict` is a precaution
# for an origin that may later get a name in the zone.
_TLS = {"ssl": "strict", "min_tls_version": "1.2", "always_use_https": "on"}

# The entrypoints of the edge worker. The field `cache` says whether Workers Cache stores the responses of the
# entrypoint. The default entrypoint authenticates each client, so it must run for each request (Cloudflare Workers,
# "Workers Cache", "Per-entrypoint caching").
ENTRYPOINTS: dict[str, cloudflare.WorkersScriptExportsArgsDict] = {
    "default": {"type": "worker", "cache": {"enabled": False}},
    "Objects": {"type": "worker", "cache": {"enabled": True}},
    "Feeds": {"type": "worker", "cache": {"enabled": True}},
}

# All versions of the worker share Workers Cache, so that the cache is not empty after a release.
CACHE_OPTIONS: cloudflare.WorkersScriptCacheOptionsArgsDict = {"enabled": True, "cross_version_cache": True}

# The number of hexadecimal digits in the version of the worker. The version consists of the first digits of the SHA-256
# digest of the worker's bundle.
_VERSION_DIGITS = 16

# Address of the fallback origin's DNS record: the IPv6 discard prefix (RFC 6666). A worker answers all requests, so the
# record needs no server (Cloudflare for SaaS, "Workers as your fallback origin").
_NO_ORIGIN = "100::"

# Cloudflare renews a certificate by delegated validation, without further steps by us. Delegated validation requires
# the TXT method (Cloudflare for SaaS, "Delegated domain control validation (DCV)").
_CERTIFICATE: cloudflare.CustomHostnameSslArgsDict = {
    "type": "dv",
    "method": "txt",
    "settings": {"min_tls_version": "1.2"},
}


def worker_script(prefix: str) -> str:
    """Returns the name of the edge worker's script on Cloudflare. The name begins with `prefix`."""
    return f"{prefix}-edge"


def worker_version(bundle: str) -> str:
    """Returns the version of the edge worker with the given bundle. The same bundle always has the same version."""
    return hashlib.sha256(bundle.encode()).hexdigest()[:_VERSION_DIGITS]


class EdgeZoneError(pulumi.RunError):
    """Raised when the Cloudflare zone of the edge cannot serve requests. The message names the zone and the remedy."""


class Edge(pulumi.ComponentResource):
    """The edge worker behind the hostname that clients connect to, the worker's key-value store of tokens, and the
    client certificate that the worker presents to the shields (regional caches).

    `target` is a name in the Cloudflare zone. The hostname must be an alias (CNAME) of this name. Cloudflare serves the
    hostname only after the hostname's domain has the DNS records `validation_records`. `version` identifies the
    worker's bundle. The registry can purge all objects that this version has stored in L1, the cache at the edge.
    """

    zone_id: pulumi.Output[str]
    namespace_id: pulumi.Output[str]
    target: str
    version: str
    validation_records: Sequence[ValidationRecord]

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:edge:Edge", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.zone_id = _active_zone(args.account_id, args.zone_name)
        self.version = worker_version(args.bundle)
        entitlements = cloudflare.WorkersKvNamespace(
            "entitlements", account_id=args.account_id, title=f"{args.prefix}-entitlements", opts=child
        )
        certificate = cloudflare.MtlsCertificate(
            "shield",
            account_id=args.account_id,
            name=f"{args.prefix}-shield",
            ca=False,
            certificates=args.secrets.client_certificate,
            # Pulumi's Cloudflare SDK marks `private_key` as a secret, so the state encrypts the key
            private_key=args.secrets.client_key,
            opts=child,
        )
        tls = [
            cloudflare.ZoneSetting(setting, zone_id=self.zone_id, setting_id=setting, value=value, opts=child)
            for setting, value in _TLS.items()
        ]
        script_name = worker_script(args.prefix)
        guard = release_guard(args.account_id, script_name, self.version)
        script = cloudflare.WorkersScript(
            name,
            account_id=args.account_id,
            script_name=script_name,
            main_module=MODULE,
            content=args.bundle,
            compatibility_date=COMPATIBILITY_DATE,
            bindings=_bindings(args, self.version, entitlements.id, certificate.id),
            observability={"enabled": True, "head_sampling_rate": args.log_sampling},
            cache_options=CACHE_OPTIONS,
            exports=ENTRYPOINTS,
            opts=pulumi.ResourceOptions(parent=self, hooks=pulumi.ResourceHookBinding(before_update=[guard])),
        )
        self.target = f"{args.prefix}.{args.zone_name}"
        self._hostname = args.hostname
        self._custom_hostname = self._create_hostname()
        self._route = cloudflare.WorkersRoute(
            name,
            zone_id=self.zone_id,
            pattern=f"{args.hostname}/*",
            script=script.script_name,
            # A worker route can contain a hostname outside of the zone only after the hostname has become a custom
            # hostname of the zone. The route also waits for the TLS settings. Otherwise, a client could send a token to
            # the worker without TLS or with an old version of TLS.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._custom_hostname, *tls]),
        )
        # Health checks request this name in the zone, because this name always resolves to Cloudflare. The hostname
        # that clients connect to may also resolve to other networks.
        cloudflare.WorkersRoute(
            f"{name}-health",
            zone_id=self.zone_id,
            pattern=f"{self.target}{HEALTH_PATH}",
            script=script.script_name,
            opts=child,
        )
        self.validation_records = self._validation_records()
        self.namespace_id = entitlements.id
        self.register_outputs({"namespace_id": self.namespace_id})

    def _create_hostname(self) -> cloudflare.CustomHostname:
        """Creates the fallback origin of the zone and the custom hostname for clients."""
        origin = cloudflare.DnsRecord(
            "fallback-origin",
            zone_id=self.zone_id,
            name=self.target,
            type="AAAA",
            content=_NO_ORIGIN,
            proxied=True,
            ttl=1,  # TTL 1 means that Cloudflare chooses the TTL; a proxied DNS record accepts no other value
            opts=pulumi.ResourceOptions(parent=self),
        )
        fallback = cloudflare.CustomHostnameFallbackOrigin(
            "fallback-origin",
            zone_id=self.zone_id,
            origin=self.target,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[origin]),
        )
        return cloudflare.CustomHostname(
            "hostname",
            zone_id=self.zone_id,
            hostname=self._hostname,
            ssl=_CERTIFICATE,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[fallback]),
        )

    def _validation_records(self) -> Sequence[ValidationRecord]:
        """Returns the DNS records that prove control of the hostname that clients connect to, and that delegate the
        validation of the hostname's certificate.
        """
        delegation = cloudflare.get_dcv_delegation_output(zone_id=self.zone_id)
        challenge = pulumi.Output.concat(self._hostname, ".", delegation.uuid, ".dcv.cloudflare.com")
        verification: pulumi.Output[Any] = self._custom_hostname.ownership_verification
        # After the validation, Cloudflare's API no longer describes the record, so a refresh removes it from the state
        # (cloudflare/terraform-provider-cloudflare, issues 1197 and 1466).
        ownership: pulumi.Output[str] = verification.apply(lambda record: (record and record.value) or "")
        return [
            ValidationRecord("edge-ownership", f"_cf-custom-hostname.{self._hostname}", "TXT", ownership),
            ValidationRecord("edge-certificate", f"_acme-challenge.{self._hostname}", "CNAME", challenge),
        ]

    def activated_by(
        self, records: Sequence[pulumi.Resource], name_servers: pulumi.Input[Sequence[str]]
    ) -> pulumi.Output[Sequence[pulumi.Resource]]:
        """Returns an output with the validation records `records`. The output resolves when Cloudflare serves the
        hostname that clients connect to, and sends requests for this hostname to the worker.
        """

        async def wait(known: Sequence[Any]) -> Sequence[pulumi.Resource]:
            await wait_until_active(known[0], known[1], self._hostname, known[2])
            return records

        created = [resource.urn for resource in (self._route, *records)]
        return pulumi.Output.all(self.zone_id, self._custom_hostname.id, name_servers, *created).apply(wait)


def _active_zone(account_id: str, name: str) -> pulumi.Output[str]:
    """Returns the id of the Cloudflare zone `name` in the account, as a Pulumi output. The output fails with
    EdgeZoneError when the zone is not active.
    """
    found = cloudflare.get_zone_output(filter={"name": name, "account": {"id": account_id}, "match": "all"})

    def checked(zone: cloudflare.GetZoneResult) -> str:
        if zone.status != "active":
            raise EdgeZoneError(
                f"artifact-edge:edge.zone: the Cloudflare zone {name} is {zone.status}. Set its name servers at the "
                f"registrar ({', '.join(zone.name_servers)}), wait until Cloudflare shows it as active, and try again"
            )
        return zone.zone_id or zone.id

    return found.apply(checked)


def _bindings(
    args: EdgeArgs, version: str, namespace_id: pulumi.Input[str], certificate_id: pulumi.Input[str]
) -> list[cloudflare.WorkersScriptBindingArgs]:
    """Returns the edge worker's bindings, sorted by name. If the bindings had another order, each `pulumi refresh`
    would report a change of the bindings.
    """
    bound = cloudflare.WorkersScriptBindingArgs
    secrets, api, limits = args.secrets, args.metadata_api, args.prediction
    asked = (
        [
            bound(name="METADATA_API", type="plain_text", text=api.url),
            bound(name="METADATA_API_KEY", type="secret_text", text=pulumi.Output.secret(api.key)),
        ]
        if api
        else []
    )
    names = json.dumps(list(args.reserved_python_names))
    reserved = (
        [bound(name="RESERVED_PYTHON_NAMES", type="plain_text", text=names)] if args.reserved_python_names else []
    )
    return [
        bound(name="ENTITLEMENTS", type="kv_namespace", namespace_id=namespace_id),
        *_limit(args.prefix, "FAILED_TOKENS", args.failed_tokens),
        bound(name="HOSTNAME", type="plain_text", text=args.hostname),
        *([bound(name="LOG_INSTALLS", type="plain_text", text="1")] if args.log_installs else []),
        *([bound(name="MEMORY", type="plain_text", text=args.memory.binding)] if args.memory else []),
        *asked,
        bound(name="ORIGIN_KEY", type="secret_text", text=pulumi.Output.secret(secrets.origin_key)),
        *([bound(name="PREDICTION", type="plain_text", text=limits.binding)] if limits else []),
        bound(name="PURGE_KEY", type="secret_text", text=pulumi.Output.secret(args.purge_key)),
        *reserved,
        bound(name="SHIELD", type="mtls_certificate", certificate_id=certificate_id),
        bound(name="SHIELDS", type="plain_text", text=shields_binding(args.shields)),
        *_limit(args.prefix, "TOKEN_REQUESTS", args.by_token),
        bound(name="TOKEN_SIGNING_KEY", type="secret_text", text=pulumi.Output.secret(secrets.token_signing_key)),
        bound(name="VERSION", type="plain_text", text=version),
    ]


def _limit(prefix: str, name: str, limit: Bound | None) -> list[cloudflare.WorkersScriptBindingArgs]:
    """Returns a list with the edge worker's rate limiting binding for `limit`. If `limit` is None, the list is empty.

    All bindings of a Cloudflare account with the same namespace id share their counters. The function therefore
    computes the namespace id from the stack's prefix and the binding's name. With this id, each binding has counters of
    its own.
    """
    if limit is None:
        return []
    number = int(hashlib.sha256(f"{prefix}/{name}".encode()).hexdigest()[:7], 16) + 1
    simple = cloudflare.WorkersScriptBindingSimpleArgs(limit=limit.requests, period=limit.seconds)
    return [
        cloudflare.WorkersScriptBindingArgs(name=name, type="ratelimit", namespace_id=str(number), simple=simple),
    ]
