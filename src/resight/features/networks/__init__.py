"""The networks: their definitions, checkpoints and weights."""
