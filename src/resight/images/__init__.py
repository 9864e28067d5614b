"""Files to pixels: the only package that decodes, turns upright, crops and resizes.

The format of a file is recognised by its first bytes, never by its name, and the decoder of that format is called
directly. So only the code that a file needs is imported, no decoder is registered for the rest of the process, and the
limit on pixels belongs to this package: `PIL.Image.MAX_IMAGE_PIXELS` stays what the process has set.
"""

from resight.images.black import not_black
from resight.images.blank import is_blank
from resight.images.boxes import Box, Part, check_box, crop, part_of
from resight.images.decoders import decoders
from resight.images.decoding import Decoded, decode, decode_bytes, decode_whole, upright_size
from resight.images.formats import FIRST_BYTES, begins_like_an_image
from resight.images.frame_names import VIDEO_SUFFIXES, file_of_name, file_of_path, frame_name, label_of, parse_frame
from resight.images.limits import MAX_BYTES, MAX_PIXELS, MAX_PROGRESSIVE_PIXELS
from resight.images.reading import content_hash, displayed, read_bytes
from resight.images.resizing import enlarge, resize, scaled

__all__ = [
    "FIRST_BYTES",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_PROGRESSIVE_PIXELS",
    "VIDEO_SUFFIXES",
    "Box",
    "Decoded",
    "Part",
    "begins_like_an_image",
    "check_box",
    "content_hash",
    "crop",
    "decode",
    "decode_bytes",
    "decode_whole",
    "decoders",
    "displayed",
    "enlarge",
    "file_of_name",
    "file_of_path",
    "frame_name",
    "is_blank",
    "label_of",
    "not_black",
    "parse_frame",
    "part_of",
    "read_bytes",
    "resize",
    "scaled",
    "upright_size",
]
