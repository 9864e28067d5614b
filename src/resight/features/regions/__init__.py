"""The regions of photos and maps: grids, proposals, files of boxes, and warping."""
