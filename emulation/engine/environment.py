"""Builds the environment variables with which `pulumi` commands work on a sandbox instead of real clouds.

Only shells and child processes of the sandbox may use these variables. With these variables, Pulumi uses the emulated
providers instead of its real providers. No command for a stack in a real cloud may therefore run with these variables.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from emulation.edge_access import edge_environment
from emulation.engine.find import PYTHON_VARIABLE, PYTHONPATH_VARIABLE, Engine
from emulation.layout import IMPORT_ROOT, POSTGRES_PORT, SPANNER_USER, Sandbox
from emulation.pki import write_public_authorities
from emulation.processes import interpreter, listening


def forget_other_clouds() -> None:
    """Removes the environment variables of this process that configure cloud providers or Pulumi."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "CLOUDFLARE_", "GOOGLE_", "CLOUDSDK_", "PULUMI_")):
            del os.environ[name]


def provider_ports(sandbox: Sandbox) -> dict[str, int]:
    """Returns a mapping from each cloud to the port of its emulated Pulumi provider on 127.0.0.1. The mapping is empty
    if any of the providers does not run."""
    try:
        ports: dict[str, int] = json.loads((sandbox.directory / "run" / "providers.json").read_text())
    except FileNotFoundError:
        return {}
    return ports if all(listening("127.0.0.1", port) for port in ports.values()) else {}


def shell_environment(engine: Engine, sandbox: Sandbox, *, passphrase: str) -> dict[str, str]:
    """Returns the environment variables with which a shell can run `pulumi` commands on a sandbox. The emulated
    providers must already run."""
    return {
        **engine_environment(engine, sandbox, passphrase=passphrase),
        **cloud_environment(sandbox, provider_ports(sandbox)),
    }


def engine_environment(engine: Engine, sandbox: Sandbox, *, passphrase: str) -> dict[str, str]:
    """Returns the environment variables that every `pulumi` command needs, such as PATH and the location of the Pulumi
    state.

    The state is in the directory of the sandbox (emulated clouds), and only the directory's owner can read the state.
    `passphrase` encrypts the secrets in the stacks' config and state.
    """
    search = [str(engine.pulumi.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    state = sandbox.path("pulumi", "state")
    state.mkdir(exist_ok=True)
    state.parent.chmod(0o700)
    home = sandbox.path("pulumi", "home")
    _disable_logs(home)
    return {
        "PATH": os.pathsep.join(search),
        PYTHON_VARIABLE: interpreter(),
        PYTHONPATH_VARIABLE: str(IMPORT_ROOT),
        # The parameter `metadata=skip` makes the Pulumi engine write no attribute files beside the state files. The
        # engine does not write attribute files atomically, and an empty attribute file makes the state unreadable
        # (gocloud.dev/blob/fileblob, URLOpener).
        "PULUMI_BACKEND_URL": f"{state.as_uri()}?metadata=skip",
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }


def _disable_logs(home: Path) -> None:
    """Makes the Pulumi engine write no log files. The engine writes and compresses all its debug messages, which takes
    more than half of its processor time. No setting turns this off. The engine goes on without logs if it cannot create
    their directory (`StartLogging` in github.com/pulumi/pulumi/pkg/v3/logging), so a file takes the directory's place.
    """
    home.mkdir(exist_ok=True)
    if not (home / "logs").exists():
        (home / "logs").write_text("This file keeps the Pulumi engine from writing log files in the directory logs.\n")


def cloud_environment(sandbox: Sandbox, providers: Mapping[str, int]) -> dict[str, str]:
    """Returns the environment variables that point Pulumi providers and cloud SDKs at the emulated clouds.

    The credentials are dummies, because the emulated clouds accept any credentials of an operator. Programs that run
    with these variables also trust the certificates that the emulated clouds issue.
    """
    return {
        "PULUMI_DEBUG_PROVIDERS": ",".join(f"{cloud}:{port}" for cloud, port in sorted(providers.items())),
        "AWS_ENDPOINT_URL": sandbox.aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CLOUDFLARE_BASE_URL": sandbox.cloudflare_url,
        "CLOUDFLARE_API_TOKEN": "local",
        **edge_environment(sandbox),
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/compute/v1/",
        # PostgreSQL stores the databases of the emulated Spanner. Clients of the real Spanner connect to PGAdapter,
        # Google's PostgreSQL proxy for Spanner. In the sandbox, these clients connect to PostgreSQL.
        "PGHOST": sandbox.gcp_address,
        "PGPORT": str(POSTGRES_PORT),
        "PGUSER": SPANNER_USER,
        "STORAGE_EMULATOR_HOST": sandbox.gcp_url,
        "GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/run/v2/",
        "GOOGLE_MONITORING_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/monitoring/",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "local",
        "GOOGLE_PUBSUB_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/pubsub/v1/",
        "GOOGLE_SPANNER_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/spanner/v1/",
        "GOOGLE_STORAGE_CUSTOM_ENDPOINT": f"{sandbox.gcp_url}/storage/v1/",
        "SSL_CERT_FILE": str(write_public_authorities(sandbox.path("pki", "public.pem").parent)),
    }
