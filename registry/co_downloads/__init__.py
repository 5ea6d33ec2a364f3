"""Co-downloads: packages that clients request in one install, although neither package depends on the other
(docs/decisions/prediction.md).
"""
