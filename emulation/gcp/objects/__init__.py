"""Emulates objects in Cloud Storage. Tools use the JSON API, and shields (regional caches) read objects through the XML
API.

Sources: Cloud Storage, "JSON API v1", "XML API", "Request preconditions", "Object Versioning", "Soft delete", "Object
Retention Lock". A request for a feature that is not emulated gets status 501, and the response names the feature.
"""
