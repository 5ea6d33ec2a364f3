"""Carries tokens and grants from the metadata database to the edge, and answers the edge's questions about them.

On DynamoDB, AWS Lambda functions do this (consumer.py, api.py); on Spanner, Cloud Run services do (follow.py,
answer.py). Their archives hold these modules and what they import: some of workers/, registry/cloudflare and contract/.
docs/entitlements.md tells the flow.
"""
