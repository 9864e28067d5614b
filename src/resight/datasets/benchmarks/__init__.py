"""The published data sets: one module for each layout of photos and ground truth."""
