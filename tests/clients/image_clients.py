"""Defines how each client of image registries is set up, and its command for each action of docs/clients.md."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.clients import Client
from local.health import edge_authority
from tests.clients.programs import program

Finished = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Setting:
    """The setup of an image client in a test: an empty directory, credentials, the edge's CA certificate, and an HTTPS
    proxy.
    """

    client: Client
    directory: Path
    # The address of the daemon that executes the client's commands, or an empty string for a client without a daemon.
    daemon: str = ""

    @property
    def host(self) -> str:
        return self.client.host

    @property
    def authority(self) -> Path:
        return edge_authority(self.client.sandbox)

    @property
    def credentials(self) -> str:
        return f"__token__:{self.client.token()}"

    def environment(self) -> dict[str, str]:
        """Returns the environment variables of a client program. Only PATH comes from the tests' own environment."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": str(self.directory),
            "HTTPS_PROXY": self.client.proxy,
            "SSL_CERT_FILE": str(self.authority),
            "DOCKER_CONFIG": str(self.directory / "docker"),
            "REGISTRY_AUTH_FILE": str(self.directory / "docker" / "config.json"),
            "HELM_REGISTRY_CONFIG": str(self.directory / "docker" / "config.json"),
            "HELM_CACHE_HOME": str(self.directory / "helm"),
            "TMPDIR": str(self.directory),
        }

    def prepare(self) -> None:
        """Writes the credentials file that all image clients read, in the form that `docker login` writes."""
        file = self.directory / "docker" / "config.json"
        file.parent.mkdir(exist_ok=True)
        auth = base64.b64encode(self.credentials.encode()).decode()
        file.write_text(json.dumps({"auths": {self.host: {"auth": auth}} if self.client.token() else {}}))
        file.chmod(0o600)

    def run(self, name: str, *arguments: str, given: str = "") -> Finished:
        """Runs a client program and waits until it ends. `given` is the program's standard input."""
        path = program(name)
        assert path is not None
        command = [str(path), *arguments]
        settings = self.environment()
        return subprocess.run(
            command, env=settings, cwd=self.directory, input=given, capture_output=True, text=True, check=False
        )


@dataclass(frozen=True)
class ImageClient:
    """An image client, such as `docker 20.10`. Each image client has a row in docs/clients.md.

    Each function runs the client's command for one action. The tests search the command's output for the expected text,
    such as a digest or the content of a file.
    """

    name: str
    programs: tuple[str, ...]  # the programs that the client needs; the first one prints the client's version
    pull: Callable[[Setting, str], Finished] | None
    # Runs the client's command that prints the content of the file app/README in an image.
    content: Callable[[Setting, str], Finished] | None = None
    tags: Callable[[Setting, str], Finished] | None = None
    referrers: Callable[[Setting, str], Finished] | None = None
    # Runs the client's command that prints the content of the file in an OCI artifact. The artifact is not an image.
    artifact: Callable[[Setting, str], Finished] | None = None
    # the arguments of the log-in command, without the options for the user's name and the password
    login: tuple[str, ...] = ()
    version_option: str = "--version"

    @property
    def version(self) -> str:
        return self.name.partition(" ")[2]


def log_in(client: ImageClient, setting: Setting) -> Finished:
    """Runs the image client's log-in command, with the token on standard input. First deletes the credentials file, so
    that only the command's own credentials can work.
    """
    (setting.directory / "docker" / "config.json").unlink(missing_ok=True)
    arguments = [word.replace("{daemon}", setting.daemon) for word in client.login]
    command = [*arguments, "--username", "__token__", "--password-stdin", setting.host]
    return setting.run(client.programs[-1], *command, given=setting.client.token() or "")


def _then(first: Finished, second: Callable[[], Finished]) -> Finished:
    return first if first.returncode else second()


def _docker(setting: Setting, *arguments: str) -> Finished:
    return setting.run("docker", "--host", setting.daemon, *arguments)


def _docker_pull(setting: Setting, image: str) -> Finished:
    inspect = ("image", "inspect", "--format", "{{json .RepoDigests}}", image)
    return _then(_docker(setting, "pull", image), lambda: _docker(setting, *inspect))


def _docker_content(setting: Setting, image: str) -> Finished:
    created = _docker(setting, "create", image)
    return _then(created, lambda: _docker(setting, "cp", f"{created.stdout.strip()}:/app/README", "-"))


def _ctr(setting: Setting, *arguments: str) -> Finished:
    return setting.run("ctr", "--address", setting.daemon, *arguments)


def _ctr_pull(setting: Setting, image: str) -> Finished:
    login = ("--user", setting.credentials) if setting.client.token() else ()
    pull = ("images", "pull", "--snapshotter", "native", *login, image)
    return _then(_ctr(setting, *pull), lambda: _ctr(setting, "images", "list", f"name=={image}"))


def _ctr_content(setting: Setting, image: str) -> Finished:
    target = setting.directory / "mounted"
    target.mkdir()
    mounted = _ctr(setting, "images", "mount", "--snapshotter", "native", image, str(target))
    try:
        return _then(mounted, lambda: _file(setting, target))
    finally:
        _ctr(setting, "images", "unmount", str(target))


def _file(setting: Setting, root: Path) -> Finished:
    command = ["cat", str(root / "app" / "README")]
    return subprocess.run(command, cwd=setting.directory, capture_output=True, text=True, check=False)


def _stores(setting: Setting) -> tuple[str, ...]:
    """Returns the options that make podman and buildah keep their images in the test's directory."""
    return ("--root", f"{setting.directory}/s", "--runroot", f"{setting.directory}/r", "--storage-driver", "vfs")


def _podman_pull(setting: Setting, image: str) -> Finished:
    stores = _stores(setting)
    inspect = ("image", "inspect", "--format", "{{json .RepoDigests}}", image)
    pulled = setting.run("podman", *stores, "pull", "--quiet", image)
    return _then(pulled, lambda: setting.run("podman", *stores, *inspect))


def _podman_content(setting: Setting, image: str) -> Finished:
    mounted = setting.run("podman", *_stores(setting), "image", "mount", image)
    return _then(mounted, lambda: _file(setting, Path(mounted.stdout.strip())))


def _buildah_pull(setting: Setting, image: str) -> Finished:
    stores = _stores(setting)
    shown = ("images", "--digests", "--no-trunc", "--format", "{{.Digest}}")
    pulled = setting.run("buildah", *stores, "pull", "--quiet", image)
    return _then(pulled, lambda: setting.run("buildah", *stores, *shown))


def _buildah_content(setting: Setting, image: str) -> Finished:
    made = setting.run("buildah", *_stores(setting), "from", image)
    mounted = _then(made, lambda: setting.run("buildah", *_stores(setting), "mount", made.stdout.strip()))
    return _then(mounted, lambda: _file(setting, Path(mounted.stdout.strip())))


def _skopeo_pull(setting: Setting, image: str) -> Finished:
    layout = setting.directory / "pulled"
    copied = setting.run("skopeo", "copy", "--all", "--preserve-digests", f"docker://{image}", f"dir:{layout}")
    return _then(copied, lambda: setting.run("skopeo", "manifest-digest", str(layout / "manifest.json")))


def _crane_pull(setting: Setting, image: str) -> Finished:
    layout = setting.directory / "pulled"
    pulled = setting.run("crane", "pull", "--format", "oci", image, str(layout))
    return _then(pulled, lambda: setting.run("cat", str(layout / "index.json")))


def _crane_content(setting: Setting, image: str) -> Finished:
    return setting.run("crane", "export", "--platform", "linux/amd64", image, "-")


def _oras_pull(setting: Setting, image: str) -> Finished:
    layout = f"{setting.directory}/pulled:here"
    copied = setting.run("oras", "copy", "--to-oci-layout", image, layout)
    return _then(copied, lambda: setting.run("cat", f"{setting.directory}/pulled/index.json"))


def _oras_artifact(setting: Setting, artifact: str) -> Finished:
    pulled = setting.run("oras", "pull", "--output", "pulled", artifact)
    return _then(pulled, lambda: setting.run("cat", str(setting.directory / "pulled" / "note.txt")))


def _helm_chart(setting: Setting, chart: str) -> Finished:
    name, _, version = chart.rpartition(":")
    pulled = setting.run("helm", "pull", f"oci://{name}", "--version", version, "--untar")
    return _then(pulled, lambda: setting.run("cat", str(setting.directory / "chart" / "Chart.yaml")))


IMAGE_CLIENTS: Mapping[str, ImageClient] = {
    client.name.partition(" ")[0]: client
    for client in (
        ImageClient(
            "docker 20.10", ("dockerd", "docker"), _docker_pull, _docker_content, login=("--host", "{daemon}", "login")
        ),
        ImageClient("ctr 1.6", ("containerd", "ctr"), _ctr_pull, _ctr_content),
        ImageClient("podman 4.3", ("podman",), _podman_pull, _podman_content, login=("login",)),
        ImageClient("buildah 1.28", ("buildah",), _buildah_pull, _buildah_content, login=("login",)),
        ImageClient(
            "skopeo 1.9",
            ("skopeo",),
            _skopeo_pull,
            tags=lambda setting, name: setting.run("skopeo", "list-tags", f"docker://{name}"),
            login=("login",),
        ),
        ImageClient(
            "crane 0.22",
            ("crane",),
            _crane_pull,
            _crane_content,
            tags=lambda setting, name: setting.run("crane", "ls", name),
            login=("auth", "login"),
            version_option="version",
        ),
        ImageClient(
            "oras 1.3",
            ("oras",),
            _oras_pull,
            tags=lambda setting, name: setting.run("oras", "repo", "tags", name),
            referrers=lambda setting, image: setting.run("oras", "discover", "--format", "json", image),
            artifact=_oras_artifact,
            login=("login",),
            version_option="version",
        ),
        ImageClient(
            "helm 3.22", ("helm",), None, artifact=_helm_chart, login=("registry", "login"), version_option="version"
        ),
    )
}
