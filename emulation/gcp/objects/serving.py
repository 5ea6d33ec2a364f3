"""Adds the APIs that read and write Cloud Storage objects to the administrative API of the emulated Google Cloud."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from emulation.gcp.objects import xml_api
from emulation.gcp.objects.access import Access
from emulation.gcp.objects.json_api import JsonApi
from emulation.gcp.objects.versions import Versions
from emulation.gcp.tokens import Tokens
from emulation.gcp.transfers import Transfers
from emulation.origin_requests import Application, RequestCounter
from emulation.state_store import StateStore


def with_objects(app: Flask, store: StateStore, directory: Path, aws_url: str | None = None) -> Application:
    """Returns a WSGI application that serves the emulated Google Cloud API and the JSON API of Cloud Storage. The
    application also serves the XML API of Cloud Storage, at the host names and URL paths of buckets. `directory` holds
    the content of the objects. `aws_url` is the URL of the emulated AWS. Transfer jobs read objects from its S3.
    """
    versions, access = Versions(directory), Access(Tokens(store))
    app.register_blueprint(JsonApi(store, versions, access, directory).blueprint())
    Transfers(store, versions, access, aws_url).add_to(app)
    addresses = xml_api.BucketAddresses(app.wsgi_app, xml_api.create_app(store, versions, access), store)
    return RequestCounter(addresses, xml_api.addressed_object)
