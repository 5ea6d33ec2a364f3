"""Carries tokens and grants from the metadata database to the edge, and answers the edge's questions about them.

Where the metadata is in DynamoDB, `consumer.py` and `api.py` run as AWS Lambda functions. Where the metadata is in
Spanner, `follow.py` and `answer.py` run as services on Cloud Run. The archive of each holds the modules that it
imports (`infra/serverless/package.py`). docs/entitlements.md describes the flow.
"""
