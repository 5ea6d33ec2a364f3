"""The emulated Google Cloud: the administrative REST APIs that the program's resources need (README.md)."""
