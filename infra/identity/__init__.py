"""What shield machines are, to the clouds, and the little that they may do: read objects, and their own secret."""
