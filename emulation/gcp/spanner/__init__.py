"""The emulated Spanner's databases: PostgreSQL behind Spanner's REST API, and a stand-in for change streams."""
