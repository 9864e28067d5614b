"""EXIF, IPTC and XMP as fields; damaged ones are none."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from resight.images.embedded import embedded_fields
from resight.images.headers import stored_size

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 photoshop:City="Delft">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">View of a town</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>water</rdf:li><rdf:li>gate</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def iptc(*records: tuple[int, bytes]) -> bytes:
    """An APP13 segment of Photoshop with IPTC records of the second kind."""
    body = b"".join(b"\x1c\x02" + bytes([kind]) + len(data).to_bytes(2, "big") + data for kind, data in records)
    block = b"8BIM\x04\x04\0\0" + len(body).to_bytes(4, "big") + body + b"\0" * (len(body) % 2)
    segment = b"Photoshop 3.0\0" + block
    return b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment


def photo(xmp: str | None = None, records: bytes = b"", letters: str = "utf-8") -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x010E] = "Canon", "Canon EOS 5D", "described by the camera"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:04 10:11:12"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 0.0, 36.0), 3: "E", 4: (4.0, 21.0, 0.0)})
    data = io.BytesIO()
    extra = {} if xmp is None else {"xmp": xmp.encode(letters)}
    Image.new("RGB", (40, 30), "white").save(data, "JPEG", exif=exif, **extra)
    whole = data.getvalue()
    return whole[:2] + records + whole[2:]


def test_the_camera_tells() -> None:
    assert embedded_fields(photo()) == {
        "camera": "Canon EOS 5D",
        "description": "described by the camera",
        "taken": "2019-05-04 10:11:12",
        "position": "52.01000, 4.35000",
    }


def test_what_people_wrote_counts_before_what_the_camera_did() -> None:
    records = iptc((5, b"Old title"), (120, "Häuser am Kanal".encode()), (25, b"canal"), (25, b"houses"))
    fields = embedded_fields(photo(records=records))
    assert (fields["title"], fields["description"]) == ("Old title", "Häuser am Kanal")
    assert fields["keywords"] == "canal; houses"
    fields = embedded_fields(photo(XMP, records))
    assert (fields["title"], fields["city"], fields["keywords"]) == ("View of a town", "Delft", "water; gate")
    assert fields["description"] == "Häuser am Kanal"


@pytest.mark.parametrize(
    "xmp",
    [
        "<x",
        "",
        '<!DOCTYPE a [<!ENTITY b "' + "c" * 100 + '">]>' + XMP.replace("View of a town", "&b;" * 100),
        XMP.replace("View of a town", "a\x00b"),
    ],
)
def test_damaged_metadata_leave_the_rest(xmp: str) -> None:
    fields = embedded_fields(photo(xmp))
    assert fields["camera"] == "Canon EOS 5D"
    assert "title" not in fields


def test_entities_are_seen_in_letters_of_16_bits_too() -> None:
    xmp = '\ufeff<!DOCTYPE a [<!ENTITY b "x">]>' + XMP.replace("View of a town", "&b;&b;")
    assert "title" not in embedded_fields(photo(xmp, letters="utf-16-be"))


def test_what_is_no_photo_tells_nothing() -> None:
    assert embedded_fields(b"") == {}
    assert embedded_fields(b"\xff\xd8\xff" + bytes(100)) == {}


def test_control_characters_and_endless_texts_are_cut() -> None:
    fields = embedded_fields(photo(records=iptc((5, b"a\x1b[31mb\n c"), (120, b"x" * 9000))))
    assert fields["title"] == "a [31mb c"
    assert len(fields["description"]) == 2000


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_the_size_is_read_from_the_header(form: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (40, 30)).save(data, form)
    assert stored_size(data.getvalue()) == (40, 30)
    assert stored_size(b"no image") is None
    assert stored_size(data.getvalue()[:12]) is None
