"""Co-downloads: packages that clients request in one install, although no list in a document names them together
(docs/decisions/prediction.md).
"""
