"""The emulated AWS API of the world: a moto server that also tells what the origin was asked for."""
