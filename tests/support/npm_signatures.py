"""Verifies the registry's signatures of npm packages with npm's own library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

# A script that verifies the signatures of npm packages with the registry's keys. The command `npm audit signatures`
# also verifies them, but needs keys from a server of Sigstore. It therefore cannot run in a sandbox (the emulated
# clouds on this machine).
_VERIFY = """
const { readFileSync } = require("fs");
const pacote = require(process.argv[1]);
const [registry, token, cafile, proxy, ...specs] = process.argv.slice(2);
const place = registry.replace("https:", "");
const ca = readFileSync(cafile, "utf8");
const options = { registry, ca, proxy, httpsProxy: proxy, [`${place}:_authToken`]: token };
const fetch = require("module").createRequire(process.argv[1] + "/")("npm-registry-fetch");
fetch.json("/-/npm/v1/keys", options).then(async ({ keys }) => {
  const pem = (key) => `-----BEGIN PUBLIC KEY-----\\n${key}\\n-----END PUBLIC KEY-----`;
  options[`${place}:_keys`] = keys.map((key) => ({ ...key, pemkey: pem(key.key) }));
  for (const spec of specs) {
    const found = await pacote.manifest(spec, { ...options, verifySignatures: true });
    console.log(found._id, found._signatures.length);
  }
});
"""


def verify_with(
    pacote: Path, registry: str, token: str, npmrc: Mapping[str, str], packages: Sequence[str]
) -> list[str]:
    """Returns a command that verifies the signatures of the given packages with npm's library pacote. For each package,
    the command prints the version and the number of valid signatures.
    """
    settings = [registry, token, npmrc["cafile"], npmrc["https-proxy"]]
    return ["node", "-e", _VERIFY, str(pacote), *settings, *packages]
