"""Normalizes the fields `repository`, `bugs` and `homepage` of a package.json as npm does when it publishes a package.

Sources: @npmcli/package-json, lib/normalize.js and lib/normalize-data.js; hosted-git-info.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

# The repository hosts that npm knows. From the name of a repository on such a host, npm derives the URLs of its web
# pages. The keys are npm's short names of the hosts, as in `gitlab:acme/web`.
_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org", "gist": "gist.github.com"}
# Matches the short form of a repository's address in a package.json, such as `gitlab:acme/web#main`. If the short form
# names no host, as in `acme/web`, the repository is on GitHub.
_SHORT = re.compile(r"(?:(?P<host>github|gitlab|bitbucket|gist):)?(?P<path>[\w~][\w.~/-]*)(?:#(?P<revision>.*))?")
# Matches the address of a repository in the syntax of the program scp, such as `git@github.com:acme/web.git`.
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[\w.-]+):(?P<path>[^/#:][^#:]*)(?:#(?P<revision>.*))?")
_SSH_WITHOUT_PORT = re.compile(r"^((?:git\+)?ssh://[^/:]+):(?!\d)")
# The schemes of repository URLs that npm replaces when it publishes a package. Maps the scheme in package.json to the
# scheme that npm writes.
_SCHEMES = {
    "https": "git+https",
    "git+https": "git+https",
    "git": "git",
    "http": "git+ssh",
    "ssh": "git+ssh",
    "git+ssh": "git+ssh",
}


@dataclass(frozen=True)
class _Hosted:
    """A repository on a host that npm knows, such as github.com. From the repository's name, npm derives the addresses
    of its web pages. `path` contains the owner and the name. `revision` is a branch, a tag or a commit, or empty.
    """

    host: str
    path: str
    revision: str = ""
    scheme: str = "git+https"
    user: str = ""

    @property
    def url(self) -> str:
        user = "git@" if self.scheme == "git+ssh" else f"{self.user}@" if self.user and self.scheme != "git" else ""
        return f"{self.scheme}://{user}{self.host}/{self.path}.git" + (f"#{self.revision}" if self.revision else "")

    @property
    def bugs(self) -> str:
        return self._page if self.host == _HOSTS["gist"] else f"{self._page}/issues"

    @property
    def homepage(self) -> str:
        if self.host == _HOSTS["gist"]:
            return self._page
        folder = "src" if self.host == _HOSTS["bitbucket"] else "tree"
        return self._page + (f"/{folder}/{self.revision}" if self.revision else "") + "#readme"

    @property
    def _page(self) -> str:
        return f"https://{self.host}/{self.path}"


def with_links(manifest: dict[str, Any]) -> dict[str, Any]:
    """Returns the normalized fields `repository`, `bugs` and `homepage` of a package.json. If no client could use a
    field, its value is None.

    If `bugs` or `homepage` is missing, derives it from the repository's address, as npm does.
    """
    repository = _repository(manifest.get("repository"))
    hosted = _hosted(repository["url"]) if repository else None
    if repository and hosted:
        repository["url"] = hosted.url
    return {
        "repository": repository,
        "bugs": _bugs(manifest.get("bugs")) or ({"url": hosted.bugs} if hosted else None),
        "homepage": _homepage(manifest.get("homepage")) or (hosted.homepage if hosted else None),
    }


def _repository(value: Any) -> dict[str, Any] | None:
    given = cast(dict[str, Any], value) if isinstance(value, dict) else {"type": "git", "url": value}
    return dict(given) if isinstance(given.get("url"), str) else None


def _hosted(url: str) -> _Hosted | None:
    """Returns the source repository that a URL or a short form in a package.json names. Returns None if the repository
    is on a host that npm does not know.

    Source: hosted-git-info, lib/from-url.js and lib/hosts.js.
    """
    if short := _SHORT.fullmatch(url):
        host = short["host"] or "github"
        return _on(_HOSTS[host], short["path"], short["revision"] or "")
    if scp := _SCP.fullmatch(url):
        return _on(scp["host"], scp["path"], scp["revision"] or "", scheme="git+ssh")
    try:
        parts: SplitResult = urlsplit(_SSH_WITHOUT_PORT.sub(r"\1/", url))
        host, scheme = (parts.hostname or "").removeprefix("www."), _SCHEMES.get(parts.scheme, "")
    except ValueError:
        return None
    user = parts.netloc.rpartition("@")[0]
    return _on(host, parts.path[1:], parts.fragment, scheme=scheme, user=user) if scheme else None


def _on(host: str, path: str, revision: str, *, scheme: str = "git+https", user: str = "") -> _Hosted | None:
    """Returns the repository at a path of a host such as github.com. Returns None if npm does not know the host, or if
    the path does not have the form of a repository on this host.
    """
    if host == _HOSTS["github"]:
        match = re.fullmatch(r"([^/]+/[^/]+?)(?:\.git)?(?:/|/tree/(?P<revision>[^/]+)(?:/.*)?)?", path)
        revision = (match and match["revision"]) or revision
    elif host == _HOSTS["gitlab"]:
        match = None if "/-/" in path else re.fullmatch(r"([^/]+(?:/[^/]+?)+?)(?:\.git)?/?", path)
    elif host == _HOSTS["bitbucket"]:
        match = re.fullmatch(r"([^/]+/[^/]+?)(?:\.git)?/?", path)
    elif host == _HOSTS["gist"]:
        match = re.fullmatch(r"(?:[^/]+/)?([^/]+?)(?:\.git)?/?", path)
    else:
        return None
    return _Hosted(host, match[1], revision, scheme, user) if match else None


def _bugs(value: Any) -> dict[str, str] | None:
    """Returns the field `bugs` of a package.json as an object with `url`, `email` or both. The field itself can also be
    a string, which is then the URL or the email address. Returns None if the field has neither a valid URL nor a valid
    email address.
    """
    given = cast(dict[str, Any], value) if isinstance(value, dict) else {"url": value, "email": value}
    texts = {field: text.strip() for field, text in given.items() if isinstance(text, str)}
    url, email = texts.get("url", ""), texts.get("email", "")
    is_email = 0 < email.find("@") < email.rfind(".") and "/" not in email
    found = {"url": url if _is_url(url) else "", "email": email if is_email else ""}
    return {field: text for field, text in found.items() if text} or None


def _homepage(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value if _is_url(value) else f"http://{value}"


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False
