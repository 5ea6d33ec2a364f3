"""Tests of the matrix of clients."""
