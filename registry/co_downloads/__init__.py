"""Co-downloads: packages that clients often request in the same install, although neither package depends on the other
(docs/decisions/prediction.md).
"""
