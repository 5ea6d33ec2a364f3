"""Copies tokens and grants from the metadata database to the edge, and answers the edge's requests for tokens.

If the database is DynamoDB, this code runs as AWS Lambda functions (consumer.py, api.py). If the database is Spanner,
the code runs as Cloud Run services (follow.py, answer.py). The archives of the functions and services hold these
modules and what they import: parts of workers/, registry/cloudflare and contract/. docs/entitlements.md describes the
flow.
"""
