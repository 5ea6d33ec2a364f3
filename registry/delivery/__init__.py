"""How a change reaches readers: documents, cache purges, quarantine, and the metrics of the delivery."""
