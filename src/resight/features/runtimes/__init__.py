"""The runtimes that a network runs in."""
