"""The objects of the emulated Cloud Storage: tools use the JSON API, and shields read through the XML API.

Sources: Cloud Storage, "JSON API v1", "XML API", "Request preconditions", "Object Versioning", "Soft delete", "Object
Retention Lock". Other requests get status 501 and the name of the missing feature.
"""
