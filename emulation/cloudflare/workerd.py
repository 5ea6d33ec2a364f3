"""Creates the configuration of a PoP's workerd from the templates in pop/, and checks that a worker script starts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import platform
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from emulation.cloudflare import kv_service, observability, origin_failures, workers_cache
from emulation.cloudflare.deployment import Deployment, EdgeError, Module, Script
from emulation.layout import IMPORT_ROOT, Pop
from emulation.pki import Issued, write_private

TEMPLATES = Path(__file__).parent / "pop"
# The directory where npm installs workerd with the edge worker's packages.
PACKAGES = IMPORT_ROOT / "workers" / "edge" / "node_modules"
# Maps a CPU architecture to the suffix of an npm package. The package contains the workerd binary for this
# architecture. The npm package `workerd` has these packages as optional dependencies.
MACHINES = {"x86_64": "64", "aarch64": "arm64"}
# The number of seconds that a worker script may take to start. A script that takes longer is refused.
CHECK_TIMEOUT_SECONDS = 30.0

Files = dict[PurePosixPath, bytes]


@dataclasses.dataclass(frozen=True)
class Listeners:
    """The addresses and ports on which a PoP's workerd listens. `clients` is for clients of the edge, and `cache` is
    for requests that Workers Cache sends after a miss.
    """

    clients: str
    cache: str


@dataclasses.dataclass(frozen=True)
class KvService:
    """The address of the emulated Workers KV service, and the name and the secret with which a PoP identifies itself to
    the service.
    """

    address: str
    secret: str = dataclasses.field(repr=False)
    pop: str = ""


def binary() -> Path:
    """Returns the path of the workerd binary, which npm installs with the edge worker's packages. Raises EdgeError when
    the binary is not installed.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise EdgeError(f"workerd does not exist for {platform.machine()}; it needs {' or '.join(MACHINES)}")
    path = PACKAGES / "@cloudflare" / f"workerd-linux-{machine}" / "bin" / "workerd"
    if not path.exists():
        raise EdgeError(f"workerd is not installed ({path}): run `npm ci` in {PACKAGES.parent}")
    return path


def configuration(
    deployment: Deployment, pop: Pop, listen: Listeners, l1: str, internet: str, kv: KvService, served: Issued
) -> Files:
    """Returns all configuration files of a PoP's workerd, by their path relative to `workerd.capnp`.

    `l1` is the address and port of the PoP's Traffic Server. `internet` is the address and port of the server that
    answers a script's requests to hosts on the internet. Such requests do not pass through Traffic Server.
    """
    scripts = deployment.routed
    files = {
        PurePosixPath("front.js"): (TEMPLATES / "front.js").read_bytes(),
        PurePosixPath("invocations.js"): (TEMPLATES / "invocations.js").read_bytes(),
        PurePosixPath("rules.js"): (TEMPLATES / "rules.js").read_bytes(),
        PurePosixPath("versions.js"): (TEMPLATES / "versions.js").read_bytes(),
        PurePosixPath("rate_limit.js"): (TEMPLATES / "rate_limit.js").read_bytes(),
        PurePosixPath("origin.js"): (TEMPLATES / "origin.js").read_bytes(),
        PurePosixPath("shields.js"): (TEMPLATES / "shields.js").read_bytes(),
        PurePosixPath("zones.json"): _json(deployment.zones),
        PurePosixPath("pop.json"): _json(_as_cf(pop)),
        PurePosixPath("routes.json"): _json([_route(pattern, name) for pattern, name in deployment.routes]),
        PurePosixPath("versions.json"): _json(_versions(scripts)),
        PurePosixPath("rules.json"): _json([{"hosts": hosts, "rules": rules} for hosts, rules in deployment.rules]),
        PurePosixPath("edge.pem"): served.chain,
        PurePosixPath("edge.key"): served.key,
    }
    for script in scripts:
        files |= _script_files(PurePosixPath("scripts", script.name, script.id), script)
    services = [
        f'(name = "{_named(script)}", worker = import "scripts/{script.name}/{script.id}/script.capnp".worker),'
        for script in scripts
    ]
    return files | _with_services(
        "workerd.capnp",
        services,
        scripts,
        kv,
        LISTEN=listen.clients,
        ORIGIN=listen.cache,
        L1=l1,
        INTERNET=internet,
        OLDEST_TLS="tls" + deployment.oldest_tls.replace(".", "Dot"),
        FRONT_BINDINGS=_lines(f'(name = "{_named(s)}", service = "{_named(s)}"),' for s in scripts),
        ORIGIN_BINDINGS=_lines(line for s in scripts for line in _entrypoint_lines(s, _named(s))),
    )


def check(script: Script, kv: KvService) -> None:
    """Starts a separate workerd process with a worker script, to check that the script starts. Raises EdgeError with
    workerd's output when the script does not start.
    """
    with tempfile.TemporaryDirectory(prefix="artifact-edge-") as name:
        directory = Path(name)
        files = _script_files(PurePosixPath(), script)
        for template in ("origin.js", "rate_limit.js"):
            files[PurePosixPath(template)] = (TEMPLATES / template).read_bytes()
        entrypoints = _lines(_entrypoint_lines(script, "script"))
        socket = str(directory / "socket")
        files |= _with_services("check.capnp", [], [script], kv, SOCKET=socket, ORIGIN_BINDINGS=entrypoints)
        write(directory, files)
        with (directory / "errors").open("w+") as errors:
            command = [binary(), "serve", directory / "check.capnp", "--control-fd=1"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=directory)
            with process, _killed_after(CHECK_TIMEOUT_SECONDS, process):
                started = bool(process.stdout and process.stdout.readline())
                process.kill()
            errors.seek(0)
            if not started:
                raise EdgeError(
                    _without_paths(errors.read(), directory)
                    or f"not started within {CHECK_TIMEOUT_SECONDS:.0f} seconds"
                )


def write(directory: Path, files: Files) -> None:
    """Writes the configuration files of workerd. Only the owner of the files can read them, because some files contain
    keys and secrets.
    """
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(target, content)


def _script_files(directory: PurePosixPath, script: Script) -> Files:
    files: Files = {}
    modules: list[str] = []
    for number, module in enumerate(script.modules):
        files[directory / f"module-{number}"] = module.content
        modules.append(_module_line(module, f"module-{number}"))
    bindings: list[str] = []
    for binding in script.bindings:
        if "text" in binding:
            files[directory / f"binding-{binding['name']}"] = binding["text"].encode()
        bindings.append(_binding_line(binding))
    files[directory / "entrypoints.js"] = _filled(
        "entrypoints.js",
        MAIN=script.modules[0].name,
        SCRIPT=script.name,
        CACHE_VERSION=script.cache_version,
        ID=script.id,
        CACHED=json.dumps(list(script.cached)),
        EXPORTS="\n".join(f'export const {name} = withPurges(uploaded.{name}, "{name}");' for name in script.cached),
    )
    files[directory / "script.capnp"] = _filled(
        "script.capnp",
        MODULES=_lines(modules),
        BINDINGS=_lines(bindings),
        COMPATIBILITY_DATE=script.compatibility_date,
        COMPATIBILITY_FLAGS=", ".join(json.dumps(flag) for flag in script.compatibility_flags),
    )
    return files


def _module_line(module: Module, file: str) -> str:
    return f'(name = {json.dumps(module.name, ensure_ascii=False)}, {module.kind} = embed "{file}"),'


def _binding_line(binding: Mapping[str, Any]) -> str:
    name = binding["name"]
    if binding["type"] == "kv_namespace":
        return f'(name = "{name}", kvNamespace = "kv:{binding["namespace_id"]}"),'
    if binding["type"] == "ratelimit":
        simple = json.dumps(json.dumps(binding["simple"]))
        inner = f'[(name = "simple", json = {simple})]'
        return f'(name = "{name}", wrapped = (moduleName = "emulation:rate-limit", innerBindings = {inner})),'
    if binding["type"] == "mtls_certificate":
        return f'(name = "{name}", service = "shields"),'
    return f'(name = "{name}", text = embed "binding-{name}"),'


def _entrypoint_lines(script: Script, service: str) -> list[str]:
    """Returns the lines of workerd's configuration that let pop/origin.js call the cached entrypoints of a worker
    script. After a miss, the emulated Workers Cache requests the response from pop/origin.js.
    """
    prefix = f"{script.name}/{script.id}"
    return [
        f'(name = "{prefix}/{entrypoint}", service = (name = "{service}", entrypoint = "{entrypoint}")),'
        for entrypoint in script.cached
    ]


def _with_services(
    template: str, services: Sequence[str], scripts: Sequence[Script], kv: KvService, **placeholders: str
) -> Files:
    """Returns two files. The first is workerd's configuration, made from a template. It defines the given services, and
    four kinds of services of the emulation: one for cache purges, one that finds out why an origin does not answer, one
    that counts the invocations of workers, and one for each Workers KV namespace that the workers use. The second file
    contains the secret with which the PoP proves its identity to the emulated Cloudflare.
    """
    namespaces = {b["namespace_id"] for s in scripts for b in s.bindings if b["type"] == "kv_namespace"}
    purges = _service("purges", kv, {workers_cache.CACHE_HEADER: "purges"})
    invocations = _service("invocations", kv, {observability.HEADER: "invocations"})
    failures = _service("failures", kv, {origin_failures.HEADER: "failures"})
    stores = [_service(f"kv:{each}", kv, {kv_service.NAMESPACE_HEADER: each}) for each in sorted(namespaces)]
    return {
        PurePosixPath("kv-secret"): kv.secret.encode(),
        PurePosixPath(template): _filled(
            template,
            SERVICES=_lines([*services, purges, failures, invocations, *stores]),
            **placeholders,
        ),
    }


def _service(name: str, kv: KvService, headers: Mapping[str, str]) -> str:
    """Returns the configuration of a workerd service that forwards the requests of workers to a service of the emulated
    Cloudflare.

    To each request, workerd adds the given headers, the PoP's name, and a secret. The secret proves that a PoP sends
    the request.
    """
    named = {**headers, kv_service.POP_HEADER: kv.pop}
    values = [f'(name = "{header}", value = "{value}")' for header, value in named.items()]
    values.append(f'(name = "{kv_service.SECRET_HEADER}", value = embed "kv-secret")')
    external = f'(address = "{kv.address}", http = (injectRequestHeaders = [{", ".join(values)}]))'
    return f'(name = "{name}", external = {external}),'


def _filled(template: str, **placeholders: str) -> bytes:
    text = (TEMPLATES / template).read_text()
    for placeholder, value in placeholders.items():
        text = text.replace(f"@{placeholder}@", value)
    return text.encode()


def _named(script: Script) -> str:
    """Returns the name of the workerd service that runs one version of a worker script."""
    return f"script:{script.name}:{script.id}"


def _versions(scripts: Sequence[Script]) -> dict[str, list[dict[str, Any]]]:
    """Returns a mapping from the name of each worker script to its deployed versions with their percentages. front.js
    reads the mapping.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for script in scripts:
        version = {"script": script.name, "id": script.id, "sampling": script.sampling}
        found.setdefault(script.name, []).append(
            {**version, "service": _named(script), "percentage": script.percentage}
        )
    return found


def _route(pattern: str, script: str | None) -> dict[str, str | None]:
    return {"pattern": pattern, "script": script}


def _lines(lines: Iterable[str]) -> str:
    return "\n    ".join(lines)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _as_cf(pop: Pop) -> dict[str, str]:
    """Returns the location of a PoP as workers see it in `request.cf`, where coordinates are strings."""
    return {
        "colo": pop.colo,
        "latitude": str(pop.latitude),
        "longitude": str(pop.longitude),
        "continent": pop.continent,
        "country": pop.country,
    }


def _without_paths(errors: str, directory: Path) -> str:
    """Joins the lines of workerd's error output into one line, and removes the paths of temporary files."""
    lines = [line.replace(f"{directory}/", "").removeprefix("service script: ").strip() for line in errors.splitlines()]
    return "; ".join(line for line in lines if line)


@contextlib.contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Generator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
