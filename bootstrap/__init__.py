"""Creates what the first `pulumi up` needs: the bucket for Pulumi's state, its key, and the roles that deploy.

It is a separate Pulumi program, with one stack for each AWS account.
"""
