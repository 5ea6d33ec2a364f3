"""Real clients against the network of `make up`, and the matrix of what works: docs/clients.md."""
