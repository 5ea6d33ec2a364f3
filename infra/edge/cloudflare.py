"""The edge on Cloudflare: the worker, its key-value store, its route and its certificate towards the shields."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_cloudflare as cloudflare

from contract.regions import REGIONS
from infra.edge import EdgeArgs, ShieldNode

_MODULE = "worker.js"
_COMPATIBILITY_DATE = "2026-11-01"
# The suffix that the authoritative DNS of a partial zone appends to a name, to send clients to Cloudflare (Cloudflare
# DNS, "CNAME setup").
_PARTIAL_SETUP_SUFFIX = ".cdn.cloudflare.net"

# Settings of the zone, by id. Without `strict` the edge accepts any server that answers at a shield's address, even
# with a trust store (Cloudflare SSL/TLS, "Encryption modes" and "Custom Origin Trust Store").
_TLS = {"ssl": "strict", "min_tls_version": "1.2", "always_use_https": "on"}

# Discard prefix (RFC 6666). The worker answers all requests for this proxied name, so that it needs no server.
_NO_ORIGIN = "100::"


class Edge(pulumi.ComponentResource):
    """The worker on the hostname, its key-value store of tokens, and its certificate towards the shields.

    The zone is a partial one ("CNAME setup", from Cloudflare's Business plan on): Route 53 stays authoritative and
    sends the hostname here.
    """

    zone_id: pulumi.Output[str]
    namespace_id: pulumi.Output[str]
    target: str

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:edge:Edge", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone = cloudflare.Zone(name, name=args.zone_name, type="partial", account={"id": args.account_id}, opts=child)
        entitlements = cloudflare.WorkersKvNamespace(
            "entitlements", account_id=args.account_id, title=f"{args.prefix}-entitlements", opts=child
        )
        certificate = cloudflare.MtlsCertificate(
            "shield",
            account_id=args.account_id,
            name=f"{args.prefix}-shield",
            ca=False,
            certificates=args.secrets.client_certificate,
            private_key=args.secrets.client_key,  # the SDK keeps it secret
            opts=child,
        )
        trust = cloudflare.CustomOriginTrustStore(
            "shield", zone_id=zone.id, certificate=args.secrets.server_ca, opts=child
        )
        tls = [
            cloudflare.ZoneSetting(setting, zone_id=zone.id, setting_id=setting, value=value, opts=child)
            for setting, value in _TLS.items()
        ]
        script = cloudflare.WorkersScript(
            name,
            account_id=args.account_id,
            script_name=f"{args.prefix}-edge",
            main_module=_MODULE,
            content=args.bundle,
            compatibility_date=_COMPATIBILITY_DATE,
            bindings=_bindings(args, entitlements.id, certificate.id),
            observability={"enabled": True},
            opts=child,
        )
        route = cloudflare.WorkersRoute(
            name,
            zone_id=zone.id,
            pattern=f"{args.hostname}/*",
            script=script.script_name,
            # The worker sends the origin key with its first request.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[trust, *tls]),
        )
        cloudflare.DnsRecord(
            name,
            zone_id=zone.id,
            name=args.hostname,
            type="AAAA",
            content=_NO_ORIGIN,
            proxied=True,
            ttl=1,  # automatic, the only value that a proxied record may have
            # Clients must not reach the name before the worker stands behind it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[route]),
        )
        self.target = f"{args.hostname}{_PARTIAL_SETUP_SUFFIX}"
        self.zone_id = zone.id
        self.namespace_id = entitlements.id
        self.register_outputs({"namespace_id": self.namespace_id})


def _bindings(
    args: EdgeArgs, namespace_id: pulumi.Input[str], certificate_id: pulumi.Input[str]
) -> list[cloudflare.WorkersScriptBindingArgs]:
    """Returns the worker's bindings, sorted by name, because in another order each refresh would show a change."""
    bound = cloudflare.WorkersScriptBindingArgs
    secrets, api = args.secrets, args.metadata_api
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
        bound(name="HOSTNAME", type="plain_text", text=args.hostname),
        *asked,
        bound(name="ORIGIN_KEY", type="secret_text", text=pulumi.Output.secret(secrets.origin_key)),
        *reserved,
        bound(name="SHIELD", type="mtls_certificate", certificate_id=certificate_id),
        bound(name="SHIELDS", type="plain_text", text=_shields(args.shields)),
        bound(name="TOKEN_SIGNING_KEY", type="secret_text", text=pulumi.Output.secret(secrets.token_signing_key)),
    ]


def _shields(nodes: Sequence[ShieldNode]) -> str:
    return json.dumps(
        [
            {
                "host": node.host,
                "region": node.region,
                "latitude": REGIONS[node.region].latitude,
                "longitude": REGIONS[node.region].longitude,
            }
            for node in nodes
        ]
    )
