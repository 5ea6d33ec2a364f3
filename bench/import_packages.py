"""Benchmarks the registry's package import: imports many small packages into the emulated clouds, and samples the
importer's memory.

`python -m bench.import_packages --packages 10000` runs the emulated AWS and Cloudflare APIs in separate processes. The
importer also runs in a process of its own, as an operator would run it. The program prints one line of JSON.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import boto3
from cloudflare import Cloudflare

from emulation import services
from emulation.engine.environment import cloud_environment
from emulation.layout import Sandbox
from local.checkout import CHECKOUT

_ACCOUNT = "0123456789abcdef0123456789abcdef"
_SAMPLE_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=10_000, help="half for npm, half for PyPI")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--loopback", default="127.94")
    chosen = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    sandbox = Sandbox(directory=directory, loopback=chosen.loopback)
    try:
        make_packages(directory / "packages", chosen.packages)
        services.start(sandbox, [each for each in services.CLOUDS if each.name in ("aws", "cloudflare")])
        outputs = directory / "outputs.json"
        worker = ThreadingHTTPServer(("127.0.0.1", 0), _Worker)
        threading.Thread(target=worker.serve_forever, daemon=True).start()
        outputs.write_text(json.dumps(stack(sandbox, f"http://127.0.0.1:{worker.server_port}")))
        print(json.dumps(run(sandbox, directory, outputs, chosen.packages, chosen.workers)))
    finally:
        services.stop_all(sandbox)
        shutil.rmtree(directory)


class _Worker(BaseHTTPRequestHandler):
    """An HTTP server that takes the place of the edge worker and accepts every purge request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def make_packages(directory: Path, number: int) -> None:
    """Writes small packages of about 1 KB to the directory, half for npm and half for PyPI. Like most real packages,
    each has one or two dependencies.
    """
    directory.mkdir()
    for n in range(number // 2):
        manifest = {"name": f"p{n}", "version": "1.0.0", "dependencies": {f"p{n // 2}": "1", f"p{n // 3}": "1"}}
        body, packed = json.dumps(manifest).encode(), io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo("package/package.json")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
        (directory / f"p{n}-1.0.0.tgz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))
        with zipfile.ZipFile(directory / f"q{n}-1.0-py3-none-any.whl", "w") as wheel:
            metadata = f"Metadata-Version: 2.1\nName: q{n}\nVersion: 1.0\nRequires-Dist: q{n // 2}\n"
            for name, text in {"METADATA": metadata, "WHEEL": "Wheel-Version: 1.0\n", "RECORD": ""}.items():
                wheel.writestr(f"q{n}-1.0.dist-info/{name}", text)


def stack(sandbox: Sandbox, url: str) -> dict[str, Any]:
    """Creates the resources that an import of packages needs in the emulated clouds: a bucket, a metadata table, a
    secret with the key that signs purge requests, and a key-value namespace.

    Returns stack outputs that name the resources and contain the edge worker's address `url`.
    """
    account = {"region_name": "us-east-1", "endpoint_url": sandbox.aws_url}
    account |= {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
    cast(Any, boto3).client("s3", **account).create_bucket(Bucket="origin")
    cast(Any, boto3).client("dynamodb", **account).create_table(
        TableName="metadata",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    cast(Any, boto3).client("secretsmanager", **account).create_secret(
        Name="artifact-edge/bench/purge-signing", SecretString=json.dumps({"key": "bench"})
    )
    edge = Cloudflare(api_token=_ACCOUNT, base_url=sandbox.cloudflare_url)
    namespace = edge.kv.namespaces.create(account_id=_ACCOUNT, title="entitlements")
    return {
        "environment": "bench",
        "home_region": "us-east-1",
        "url": url,
        "buckets": [{"region": "us-east-1", "name": "origin"}],
        "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": "metadata"},
        "entitlements": {"account_id": _ACCOUNT, "namespace_id": cast(Any, namespace).id},
        "shields": [{"host": "us-east-1-0.shield.artifact-edge.test"}],
    }


def run(sandbox: Sandbox, directory: Path, outputs: Path, packages: int, workers: int) -> dict[str, Any]:
    started = time.monotonic()
    importer = subprocess.Popen(
        [
            *(sys.executable, "-m", "registry", "import", directory / "packages", "--stack-outputs", outputs),
            *("--journal", directory / "journal", "--workers", str(workers)),
        ],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(sandbox, {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    sizes: list[float] = []
    while importer.poll() is None:
        sizes.append(_resident_mib(importer.pid))
        time.sleep(_SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    said = cast(Any, importer.stdout).read().strip()
    # RUSAGE_CHILDREN covers only child processes that have ended. Only the importer has ended: the processes of the
    # emulated clouds still run. The result is therefore the CPU time of the importer alone.
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    tenth = max(1, len(sizes) // 10)
    return {
        "said": said,
        "seconds": round(seconds, 1),
        "packages_per_second": round(packages / seconds, 1),
        "importer_cpu_seconds": round(spent.ru_utime + spent.ru_stime, 1),
        "rss_mib_by_tenth": [round(max(sizes[n : n + tenth])) for n in range(0, len(sizes), tenth)],
    }


def _resident_mib(pid: int) -> float:
    """Returns the resident memory of a process in MiB, from /proc/<pid>/statm (proc(5)). Returns 0 if the process has
    ended.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
