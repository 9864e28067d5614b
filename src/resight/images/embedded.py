"""Words that a photo's file holds: EXIF of cameras, IPTC of agencies, XMP of programs, as fields by name.

Sources: Exif 3.0, IPTC-NAA Information Interchange Model 4.2, ISO 16684-1 (XMP) with the properties of the Dublin Core
and of Photoshop. Where several say the same, XMP counts before IPTC and IPTC before EXIF: the later one was written by
a person.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from resight.images.formats import format_of, opener
from resight.images.position import degrees_of
from resight.images.quiet import quiet_pillow

LONGEST = 2000
"""Letters of a value; the rest is left out."""
LARGEST_XMP = 1 << 20

_EXIF = {0x010E: "description", 0x013B: "creator", 0x8298: "rights"}
_MAKE, _MODEL, _CHANGED, _DETAILS, _TAKEN, _GPS = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003, 0x8825
_IPTC = {
    (2, 5): "title",
    (2, 25): "keywords",
    (2, 55): "taken",
    (2, 80): "creator",
    (2, 90): "city",
    (2, 95): "state",
    (2, 101): "country",
    (2, 105): "headline",
    (2, 116): "rights",
    (2, 120): "description",
}
_DC, _PHOTOSHOP = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/photoshop/1.0/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP = {
    f"{_DC}title": "title",
    f"{_DC}description": "description",
    f"{_DC}subject": "keywords",
    f"{_DC}creator": "creator",
    f"{_DC}rights": "rights",
    f"{_PHOTOSHOP}Headline": "headline",
    f"{_PHOTOSHOP}City": "city",
    f"{_PHOTOSHOP}State": "state",
    f"{_PHOTOSHOP}Country": "country",
    f"{_PHOTOSHOP}DateCreated": "taken",
}


def embedded_fields(data: bytes) -> dict[str, str]:
    """Returns the fields of an image file by name, such as "title", "taken", "camera"; none where nothing is told.

    Damaged metadata are left out: they are no reason to be without the photo.
    """
    kind = format_of(data)
    if kind is None or kind == "camera raw":
        return {}
    try:
        with quiet_pillow(), opener(kind)(io.BytesIO(data)) as image:
            parts = [_part(read, image) for read in (_exif, _iptc, _xmp)]
    except MemoryError:
        raise
    except Exception:
        return {}
    fields = {name: value for part in parts for name, value in part.items()}
    return {name: value for name, given in fields.items() if (value := _clean(given))}


def _part(read: Any, image: Any) -> dict[str, str]:
    try:
        return dict(read(image))
    except MemoryError:
        raise
    except Exception:
        # Decoders raise all kinds of exceptions on damaged metadata.
        return {}


def _exif(image: Any) -> Iterator[tuple[str, str]]:
    exif = image.getexif()
    for tag, name in _EXIF.items():
        if tag in exif:
            yield name, _text(exif[tag])
    make, model = _text(exif.get(_MAKE, "")), _text(exif.get(_MODEL, ""))
    yield "camera", model if model.startswith(make) else f"{make} {model}"
    taken = exif.get_ifd(_DETAILS).get(_TAKEN) or exif.get(_CHANGED)
    if taken:
        # "2019:05:04 10:11:12", which sorts and reads better as ISO 8601.
        date, _, time = _text(taken).partition(" ")
        yield "taken", f"{date.replace(':', '-')} {time}"
    if (place := degrees_of(exif.get_ifd(_GPS))) is not None:
        yield "position", f"{place[0]:.5f}, {place[1]:.5f}"


def _iptc(image: Any) -> Iterator[tuple[str, str]]:
    from PIL.IptcImagePlugin import getiptcinfo

    found: Mapping[tuple[int, int], Any] = getiptcinfo(image) or {}
    for key, name in _IPTC.items():
        if key in found:
            values = found[key] if isinstance(found[key], list) else [found[key]]
            yield name, "; ".join(map(_text, values))


def _xmp(image: Any) -> Iterator[tuple[str, str]]:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = (packet.encode() if isinstance(packet, str) else bytes(packet)).strip(b"\0 \r\n\t")
    # A document that declares entities may grow without end, and none of XMP does; nor is any written in 16 bits a
    # letter, in which these words would not be seen.
    if not text or len(text) > LARGEST_XMP or any(sign in text for sign in (b"<!DOCTYPE", b"<!ENTITY", b"\0")):
        return
    for described in ElementTree.fromstring(text).iter(f"{_RDF}Description"):
        for tag, name in _XMP.items():
            if tag in described.attrib:
                yield name, described.attrib[tag]
            for element in described.findall(tag):
                items = [item.text or "" for item in element.iter(f"{_RDF}li")]
                yield name, "; ".join(items) if items else element.text or ""


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return str(value)


def _clean(text: str) -> str:
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * LONGEST])
    return " ".join(kept.split())[:LONGEST]
