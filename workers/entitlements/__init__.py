"""Copies tokens and grants from the metadata database to the edge, and answers the edge's requests for tokens.

On DynamoDB, AWS Lambda functions do this (consumer.py, api.py). On Spanner, Cloud Run services do this (follow.py,
answer.py). The archives of the functions and services hold these modules and what they import: parts of workers/,
registry/cloudflare and contract/. docs/entitlements.md describes the flow.
"""
