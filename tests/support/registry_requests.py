"""Contains requests of package clients, which no firewall may refuse, and attacks, which every firewall must refuse.

Each request consists of a method, a path with query, and header fields. The clients' requests come from the source code
and the logs of npm, pip, uv and image clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

Sent = tuple[str, str, dict[str, str]]

SERVED: Sequence[Sent] = (
    ("GET", "/npm/left-pad", {}),
    ("GET", "/npm/@acme%2fweb", {}),
    ("GET", "/npm/%40acme%2Fweb", {}),
    ("GET", "/npm/@acme/web/-/web-1.0.0-rc.1.tgz", {}),
    ("GET", "/npm/-/ping", {}),
    ("GET", "/npm//left-pad", {}),  # corepack requests this path if the registry's URL ends with a slash.
    ("GET", "/npm/left-pad/", {}),
    ("POST", "/npm/-/npm/v1/security/advisories/bulk", {"content-length": "20000"}),
    ("PUT", "/npm/@acme%2fweb", {"content-length": "500"}),
    ("GET", "/pypi/simple/", {}),
    ("GET", "/pypi/simple/acme-web/", {"accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.01"}),
    ("GET", "/pypi/files/acme-web/acme_web-1.0.0+local.1-py3-none-any.whl", {"range": "bytes=0-99"}),
    ("HEAD", "/pypi/files/acme-web/acme_web-1.0.0-py3-none-any.whl.metadata", {}),
    ("GET", "/v2/", {"authorization": "Bearer " + "a" * 8000}),
    ("HEAD", "/v2/acme/web/manifests/1.0..2", {}),
    ("GET", "/v2/acme/web/blobs/sha256:" + "a" * 64, {}),
    ("GET", "/token?service=packages.example.com&scope=repository%3Aacme%2Fweb%3Apull", {}),
    ("POST", "/token", {"content-length": "300"}),
    ("POST", "/-/purge", {"content-length": "262144"}),
    ("GET", "/healthz", {}),
    ("GET", "/npm/-/ping?write=true", {"user-agent": "npm/10.8.2 node/v20.19.0 linux x64 workspaces/false"}),
    ("GET", "/npm/-/v1/search?text=select%20%2a%20from%20users&size=20", {"referer": "search select * from users"}),
    ("POST", "/npm/-/npm/v1/security/advisories/bulk", {"content-length": "20", "content-encoding": "gzip"}),
    ("HEAD", "/pypi/simple/acme-web/", {"user-agent": "Python-urllib/3.11", "if-none-match": '"abc"'}),
    ("GET", "/v2/", {"user-agent": "docker/27.5.1 go/go1.22.11 UpstreamClient(Docker-Client/27.5.1 \\(linux\\))"}),
    ("POST", "/v2/acme/web/blobs/uploads/?mount=sha256%3A" + "a" * 64 + "&from=etc/passwd", {"content-length": "0"}),
    ("PATCH", "/v2/acme/web/blobs/uploads/6f1f?_state=abcDEF_-12%3D%3D", {"content-range": "0-99"}),
    (
        "PUT",
        "/v2/acme/web/blobs/uploads/6f1f?digest=sha256%3A" + "a" * 64,
        {"content-type": "application/octet-stream"},
    ),
    ("PUT", "/v2/acme/web/manifests/latest", {"content-type": "application/vnd.oci.image.manifest.v1+json"}),
    ("DELETE", "/v2/acme/web/manifests/latest", {}),
    ("GET", "/v2/acme/web/tags/list?n=100&last=v1.0", {}),
    ("GET", "/v2/acme/web/referrers/sha256:" + "a" * 64 + "?artifactType=application%2Fvnd.example%2Bjson", {}),
    (
        "GET",
        "/token?account=alice&client_id=docker&offline_token=true&service=packages.example.com"
        "&scope=repository:acme/web:pull,push&scope=repository:bin/sh:pull",
        {"authorization": "Basic YWxpY2U6dG9rZW4="},
    ),
    ("GET", "/healthz", {"host": "192.0.2.1", "user-agent": "Amazon-Route53-Health-Check-Service (ref 1)"}),
)
REFUSED: Sequence[Sent] = (
    ("TRACE", "/npm/left-pad", {}),
    ("OPTIONS", "/npm/left-pad", {}),
    ("PROPFIND", "/npm/left-pad", {}),
    ("GET", "/npm/../token", {}),
    ("GET", "/npm/%2e%2e/token", {}),
    ("GET", "/npm/.%2E/token", {}),
    ("GET", "/npm/..%2ftoken", {}),
    ("GET", "/npm/@acme%2F..%2F..%2Ftoken", {}),
    ("GET", "/npm/%252e%252e%252ftoken", {}),
    ("GET", "/npm/..\\token", {}),
    ("GET", "/npm/..%5Ctoken", {}),
    ("GET", "/.git/config", {}),
    ("GET", "/npm/left-pad%00.tgz", {}),
    ("GET", "/npm/left-pad%0d%0aSet-Cookie:a", {}),
    ("GET", "/npm/%1b%5bleft-pad", {}),
    ("GET", "/npm/%c0%ae%c0%ae/token", {}),
    ("GET", "/npm/%E2%80%AE", {}),
    ("GET", "/npm/" + "a" * 4096, {}),
    ("GET", "/npm/left-pad?" + "a" * 4096, {}),
    ("GET", "/npm/left-pad", {"x": "a" * 16385}),
    ("POST", "/token", {"content-length": "1000000"}),
)

# Word lists of the OWASP Core Rule Set for web application firewalls. Each line of a list is a word. The rules treat
# requests that contain such a word as attacks. However, many of the words are valid package names.
_WORDS = ("lfi-os-files", "restricted-files", "php-function-names-933150", "unix-shell", "sql-errors")


def requests_with_suspicious_names(rules: Path) -> Iterator[Sent]:
    """Yields one request for each package name that the OWASP Core Rule Set, which finds attacks in requests, treats as
    suspicious. The firewall of a PoP must not refuse these requests. `rules` is the directory of the rule set. The
    requests alternate between five kinds, such as uploads and searches.
    """
    for number, name in enumerate(sorted(_names(rules))):
        encoded = quote(name, safe="")
        kinds: Sequence[Sent] = (
            ("GET", f"/token?service=packages.example.com&scope=repository%3A{encoded}%3Apull", {}),
            ("POST", f"/v2/{name}/blobs/uploads/?from={encoded}", {"content-length": "0"}),
            ("GET", f"/v2/{name}/tags/list?n=5&last={encoded}", {}),
            ("PUT", f"/npm/{encoded}?write=true", {"content-length": "0"}),
            ("GET", f"/npm/-/v1/search?text={encoded}", {}),
        )
        yield kinds[number % len(kinds)]


def _names(rules: Path) -> set[str]:
    """Returns the valid image repository names among the words that the OWASP Core Rule Set treats as suspicious. The
    OCI Distribution Specification defines valid names ("Pulling manifests").
    """
    name = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
    words = [word for file in _WORDS for word in (rules / f"{file}.data").read_text().splitlines()]
    return {word for word in words if name.fullmatch(word)}
