"""What must be there before the first `pulumi up`: the bucket of the state, its key, and the roles that deploy.

A program of its own, with one stack an account.
"""
