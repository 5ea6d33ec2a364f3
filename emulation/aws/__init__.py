"""The emulated AWS API of the sandbox: a moto server that also tells what the origin was asked for."""
