"""Normalizes the fields `repository`, `bugs` and `homepage` of a package.json as npm does when it publishes a package.

Sources: @npmcli/package-json, lib/normalize.js and lib/normalize-data.js; hosted-git-info.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}
# The short form of a repository's address in a package.json, such as `gitlab:acme/web`. Without the name of a host, as
# in `acme/web`, the repository is on GitHub.
_SHORT = re.compile(r"(?:(?P<host>github|gitlab|bitbucket):)?(?P<owner>[A-Za-z0-9][\w.-]*)/(?P<name>[\w.-]+)")
_WEB = re.compile(
    r"(?:git\+)?https?://(?:www\.)?(?P<host>github\.com|gitlab\.com|bitbucket\.org)/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)/?"
)


@dataclass(frozen=True)
class _Hosted:
    """A repository on a host such as github.com. npm derives the addresses of the repository's web pages from the names
    of the host, the owner and the repository.
    """

    host: str
    owner: str
    name: str

    @property
    def page(self) -> str:
        return f"https://{self.host}/{self.owner}/{self.name}"


def with_links(manifest: dict[str, Any]) -> dict[str, Any]:
    """Returns the normalized fields `repository`, `bugs` and `homepage` of a package.json. A value is None for a field
    that no client could use.

    If `bugs` or `homepage` is missing, the function derives it from the repository's address, as npm does.
    """
    repository = _repository(manifest.get("repository"))
    hosted = _hosted(repository["url"]) if repository else None
    if repository and hosted:
        repository["url"] = f"git+{hosted.page}.git"
    return {
        "repository": repository,
        "bugs": _bugs(manifest.get("bugs")) or ({"url": f"{hosted.page}/issues"} if hosted else None),
        "homepage": _homepage(manifest.get("homepage")) or (f"{hosted.page}#readme" if hosted else None),
    }


def _repository(value: Any) -> dict[str, Any] | None:
    given = cast(dict[str, Any], value) if isinstance(value, dict) else {"type": "git", "url": value}
    return dict(given) if isinstance(given.get("url"), str) else None


def _hosted(url: str) -> _Hosted | None:
    match = _SHORT.fullmatch(url) or _WEB.fullmatch(url)
    if match is None:
        return None
    host = match["host"] or "github"
    return _Hosted(_HOSTS.get(host, host), match["owner"], match["name"].removesuffix(".git"))


def _bugs(value: Any) -> dict[str, str] | None:
    """Returns the `bugs` of a package.json as an object with `url`, `email` or both. If `bugs` is a text, the text is
    the URL or the email address. Returns None without a valid URL or email address.
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
