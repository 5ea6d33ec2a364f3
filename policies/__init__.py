"""The policy pack: rules for every stack, which the Pulumi engine checks before it creates resources.

`framework` declares and reads policies, `rules` has one module of policies per subject, `pack` lists all policies, and
the Pulumi engine starts `__main__`.
"""
