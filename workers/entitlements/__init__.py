"""Carries tokens and grants from the metadata database to the edge, and answers the edge's questions about them.

Runs as AWS Lambda functions; these modules are all that they are made of, beside `workers/cloud.py` and what Lambda's
Python runtime brings along (boto3, and urllib3 with it). docs/entitlements.md tells the flow.
"""
