"""Emulates the objects of Cloud Storage. Tools use the JSON API, and regional shields (caches) read through the XML
API.

Sources: Cloud Storage, "JSON API v1", "XML API", "Request preconditions", "Object Versioning", "Soft delete", "Object
Retention Lock". A request for any other feature gets status 501 and the name of the feature.
"""
