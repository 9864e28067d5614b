"""Weights of the positions of a photo or a feature map: where a viewer would look, or where things are taken to be."""
