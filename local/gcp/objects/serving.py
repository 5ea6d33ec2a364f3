"""Puts the objects beside the administrative API."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from local.gcp.objects import xml_api
from local.gcp.objects.access import Access
from local.gcp.objects.json_api import JsonApi
from local.gcp.objects.versions import Versions
from local.gcp.tokens import Tokens
from local.origin_requests import Application, RequestCounter
from local.store import Store


def with_objects(app: Flask, store: Store, directory: Path) -> Application:
    """The API with the objects of its buckets, which are kept in `directory`, and the buckets' own hosts."""
    versions, access = Versions(directory), Access(Tokens(store))
    app.register_blueprint(JsonApi(store, versions, access, directory).blueprint())
    hosts = xml_api.VirtualHosts(app.wsgi_app, xml_api.create_app(store, versions, access))
    return RequestCounter(hosts, xml_api.addressed_object)
