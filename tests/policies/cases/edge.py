"""Cases of the edge."""

from __future__ import annotations

from tests.policies.cases.parts import PRIVATE_KEY, SCRIPT, Case
from tests.policies.resources import resource

CASES = [
    Case(
        "worker-secrets-bound-as-secrets",
        [resource(SCRIPT, {"bindings": [{"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}]})],
        "binding ORIGIN_KEY is plain_text",
    ),
    Case(
        "worker-secrets-bound-as-secrets",
        [resource(SCRIPT, {"bindings": [{"name": "NOTE", "type": "plain_text", "text": PRIVATE_KEY}]})],
        "binding NOTE seems to hold a private key",
    ),
    Case(
        "worker-secrets-bound-as-secrets",
        [resource(SCRIPT, {"content": f"const k = `{PRIVATE_KEY}`"})],
        "a private key",
    ),
    Case(
        "worker-secrets-bound-as-secrets",
        [
            resource(
                SCRIPT,
                {
                    "bindings": [
                        {"name": "ORIGIN_KEY", "type": "secret_text", "text": "x"},
                        {"name": "HOSTNAME", "type": "plain_text", "text": "packages.artifact-edge.example"},
                    ],
                    "content": "export default {}",
                },
            )
        ],
    ),
    Case("worker-authenticates-to-shields", [resource(SCRIPT, {"bindings": []})], "no mTLS certificate"),
    Case(
        "worker-authenticates-to-shields",
        [resource(SCRIPT, {"bindings": [{"name": "SHIELD", "type": "mtls_certificate"}]})],
    ),
]
