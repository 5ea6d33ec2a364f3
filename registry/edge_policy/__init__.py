"""The edge policy. It defines which packages and versions the edge worker refuses, to all clients or to some principals
(docs/edge-policy.md).
"""
