"""The documentation as a site, and the pages that code writes."""
