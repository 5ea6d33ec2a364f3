"""Emulates the AWS API for a sandbox with a moto server. The server also counts the reads of each S3 object, and tests
get the counts over HTTP.
"""
