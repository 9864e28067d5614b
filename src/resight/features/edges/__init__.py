"""Edges of photos and lines of drawings, as maps in which a network compares the two."""
