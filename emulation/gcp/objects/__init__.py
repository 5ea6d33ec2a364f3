"""The objects of the emulated Cloud Storage: the JSON API that tools write by, the XML API that shields read by.

Sources: Cloud Storage, "JSON API v1", "XML API", "Request preconditions", "Object Versioning", "Soft delete", "Object
Retention Lock". What is not served here is refused with 501 and its name.
"""
