"""The masks of the photos of a folder: one for all of them, or a folder with one for each."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resight.arrays import Mask
from resight.errors import ImageError, UsageError
from resight.filesystems import is_in
from resight.folders.walking import Found, escape_name, find_images, unescape_name
from resight.images import content_hash, displayed, file_of_name, not_black
from resight.images.masks import PhotoMask, mask_file, mask_of_query
from resight.store import ImageTable, MaskChoice, Root

ENDING = ".png"
BESIDE = "."
"""The folder of masks that is that of the photos."""


class MasksError(UsageError):
    """The masks of a folder of photos cannot be read, for example because their disk is not mounted.

    folder: of the masks, for display. why: what is the matter with it, as the end of a sentence.
    """

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(
            f"{folder}: the folder of masks {why}; bring it back, or name another, or do without: `resight add` has "
            "--mask and --no-mask"
        )
        self.folder = folder
        self.why = why


@dataclass(frozen=True)
class Masked:
    """The photos of a folder with their masks; without: how many have none, where each should have its own.

    bare: the error that it is where some of them had masks before, as there is no mask in their folder. swallowed:
    images that lie in the folder of masks, and so are no photos, but the mask of no photo either.
    """

    found: Sequence[Found]
    without: int = 0
    bare: MasksError | None = None
    swallowed: Sequence[Found] = ()


def mask_choice(path: Path, folder: Path) -> MaskChoice:
    """Returns the form in which an index keeps a mask: the path of a folder, or the content of a file.

    Raises UsageError where it is neither, or the folder holds the photos themselves.
    """
    if path.is_dir():
        masks, photos = os.path.realpath(path), os.path.realpath(folder)
        if is_in(photos, masks) and photos != masks:
            raise UsageError(
                f"{displayed(path)}: the folder of masks contains the photos of {displayed(folder)}, all of which "
                "would count as masks; name a folder that holds nothing but masks"
            )
        together = is_in(masks, os.path.dirname(photos))
        return MaskChoice(folder=escape_name(os.path.relpath(masks, photos) if together else masks))
    return MaskChoice(shared=base64.b64encode(_png(mask_of_query(path).counts())).decode())


def with_masks(found: Sequence[Found], root: Root, choice: MaskChoice | None) -> Masked:
    """Gives the files of a root, whose names begin with its prefix, their masks, and takes the masks themselves out.

    The mask of sub/0.jpg is sub/0.jpg.png in the folder of masks or, where there is none, sub/0.png; where masks lie
    beside the photos, the first alone. MasksError where the folder of masks is gone or cannot be read, or a part of it
    cannot in which the mask of one of the photos may be.
    """
    if choice is None or not found:
        return Masked(found)
    if choice.shared:
        mask = _shared(choice)
        return Masked([replace(one, mask=mask) for one in found])
    folder = mask_folder(root, choice)
    masks, trouble = _listed(folder)
    used: set[Path] = set()
    photos: list[Found] = []
    for one in found:
        names = _mask_names(one.name.removeprefix(root.prefix), choice)
        own = next((masks[name] for name in names if name in masks), None)
        if own is None:
            _check_not_hidden(folder, names, trouble)
            photos.append(one)
        else:
            used.add(own.path)
            photos.append(replace(one, mask=mask_file(own.path, key=_key(own.size, own.mtime_ns))))
    rest = [one for one in photos if one.path not in used]
    kept = rest if choice.folder == BESIDE else [one for one in rest if not is_in(str(one.path), str(folder))]
    empty = choice.folder != BESIDE and not masks
    bare = MasksError(displayed(folder), "has no mask in it any more") if empty else None
    apart = {one.path for one in kept}
    swallowed = [one for one in rest if one.path not in apart]
    return Masked(kept, sum(one.mask is None for one in kept), bare, swallowed)


def check_masks_only(swallowed: Sequence[Found], photos: Sequence[Found], root: Root, choice: MaskChoice) -> None:
    """Raises UsageError where a folder of masks within that of the photos holds photos, which would be lost as masks.

    swallowed: images in it that are no mask of one of the photos. Masks of photos that are not there are none of them,
    as long as it holds other masks.
    """
    strange = [one for one in swallowed if not one.name.endswith(ENDING)]
    if not strange and any(one.mask is not None for one in photos):
        return
    if found := strange or list(swallowed):
        folder = displayed(mask_folder(root, choice))
        raise UsageError(
            f"{folder}: {len(found)} {'image' if len(found) == 1 else 'images'} in it, such as {found[0].name}, "
            f"{'is' if len(found) == 1 else 'are'} the mask of no photo and would be left out; name a folder with "
            "nothing but masks, each called as its photo with .png after it"
        )


def mask_of(images: ImageTable, place: int, root: Root, choice: MaskChoice | None) -> PhotoMask | None:
    """Returns the mask with which the image at a position of the table was indexed.

    It is None where it is not as it was any more.
    """
    if choice is None:
        return None
    if choice.shared:
        mask = _shared(choice)
        return mask if mask.key == images.masks[place] else None
    for name in _mask_names(file_of_name(images.names[place]).removeprefix(root.prefix), choice):
        path = mask_folder(root, choice) / unescape_name(name)
        try:
            status = path.stat()
        except OSError:
            continue
        key = _key(status.st_size, status.st_mtime_ns)
        return mask_file(path, key=key) if key == images.masks[place] else None
    return None


def mask_folder(root: Root, choice: MaskChoice) -> Path:
    """Returns where the masks of the photos of a root are, each for one of them."""
    return Path(os.path.normpath(os.path.join(unescape_name(root.path), unescape_name(choice.folder))))


def _listed(folder: Path) -> tuple[dict[str, Found], list[ImageError]]:
    """Returns the masks in a folder by name, and what cannot be read in it; MasksError where the folder cannot be."""
    if not os.path.isdir(folder):
        raise MasksError(displayed(folder), "is gone")
    trouble: list[ImageError] = []
    try:
        return {one.name: one for one in find_images(folder, trouble.append) if one.name.endswith(ENDING)}, trouble
    except UsageError:
        raise MasksError(displayed(folder), "cannot be read") from None


def _check_not_hidden(folder: Path, names: Sequence[str], trouble: Sequence[ImageError]) -> None:
    """MasksError where a mask that is not in the list may be in a part of the folder that could not be listed."""
    if not trouble:
        return
    paths = [displayed(folder / unescape_name(name)) for name in names]
    for error in trouble:
        if any(is_in(path, error.path) for path in paths):
            raise MasksError(displayed(folder), f"cannot be read in part ({error})")


def _mask_names(name: str, choice: MaskChoice) -> list[str]:
    """Returns names that the mask of a photo may have in the folder of masks, the first that is there counts."""
    if choice.folder == BESIDE:
        return [name + ENDING]  # sub/0.png is a photo of its own there
    return [name + ENDING, os.path.splitext(name)[0] + ENDING]


def _key(size: int, mtime_ns: int) -> str:
    return f"{size} bytes of {mtime_ns}"


def _shared(choice: MaskChoice) -> PhotoMask:
    data, title = base64.b64decode(choice.shared), "the mask of all photos"
    # Decoded once, since every photo asks for it.
    return PhotoMask(title, content_hash(data), not_black(data, title), fits_all=True)


def _png(counts: Mask) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(counts).save(out, "PNG", optimize=True)
    return out.getvalue()
