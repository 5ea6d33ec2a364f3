"""The policy pack: rules for every stack, which the Pulumi engine checks before it creates resources.

`framework` has the functions that declare policies, and helpers that read resources and IAM documents. `rules` has one
module of policies per subject. `pack` lists all policies, and the Pulumi engine starts `__main__`.
"""
