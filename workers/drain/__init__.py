"""The outbox relay: delivers published changes to readers where the publisher could not, in one pass per minute.

The relay runs as an AWS Lambda function. Its archive holds this directory and the modules of registry/ that it imports.
docs/publish-to-visible.md describes how a change reaches its readers.
"""
