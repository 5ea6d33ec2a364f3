"""Checks the accounts of a stack before its first `pulumi up`: credentials, names, quotas, DNS and settings.

A first deployment creates about 200 resources in half an hour. The checks find in seconds what would stop it halfway.
They only read, and they need no permissions beyond those of the deployment.
"""
