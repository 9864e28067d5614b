"""Blocks of augmented posting lists: which image is searched by what, through adds, removals, kills and merges."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from resight.channels.channel import SegmentRows
from resight.index import augmented
from resight.index.augmented import Augmenter, overlay, read_blocks
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.store import structures
from resight.words.evidence import ImageWords
from resight.words.kinds import Bow
from resight.words.postings import Postings, build_postings, merge_postings
from resight.words.soundness import postings_fault

WORDS = 50


def photo(*words):
    """An image with these words, each in its place."""
    m = len(words)
    xy = np.column_stack([np.arange(m), np.arange(m)]).astype(np.float32)
    ones = np.ones(m, np.float32)
    return ImageWords(np.sort(words).astype(np.int32), np.arange(m, dtype=np.int32), xy, ones, ones, (100, 100))


class Lists:
    """The part of a channel that augmentation needs."""

    def pack(self, images):
        return build_postings(images, WORDS, "bow").to_arrays()

    def merge(self, segments):
        return merge_postings(
            [Postings.from_arrays(s.arrays) for s in segments], [s.alive for s in segments]
        ).to_arrays()

    def fault(self, arrays, images):
        return postings_fault(arrays, images, "bow", WORDS, 0)


@dataclass
class Photos:
    """A collection of live photos by id, in one segment, and its augmenter."""

    folder: object
    photos: dict
    done: list = field(default_factory=list)

    def plain(self):
        ids = np.array(sorted(self.photos), np.int64)
        return [SegmentRows(Lists().pack([self.photos[i] for i in ids.tolist()]), ids, np.ones(len(ids), bool))]

    def augmenter(self):
        return Augmenter(self.folder, self.plain(), Lists(), self.augment)

    def augment(self, image):
        """With word 40, and with one that tells how many photos there were."""
        self.done.append(image)
        return photo(*self.photos[image].words.tolist(), 40, 40 + len(self.photos) % 10)

    def searched(self):
        """Words by id, as the inverted file gets them; every live image once."""
        found = {}
        for rows in overlay(self.plain(), read_blocks(self.folder, Lists())):
            lists = Postings.from_arrays(rows.arrays)
            for row in np.flatnonzero(rows.alive).tolist():
                assert int(rows.ids[row]) not in found
                found[int(rows.ids[row])] = lists.image_words(row).words.tolist()
        assert set(found) == set(self.photos)
        return found


@pytest.fixture
def made(tmp_path):
    """Four photos."""
    return Photos(tmp_path / "search" / "main", {i: photo(i, 30) for i in (2, 3, 5, 8)})


def test_new_images_are_augmented_once(made):
    made.augmenter().augment_new()
    assert made.done == [2, 3, 5, 8]
    assert made.searched() == {i: [i, 30, 40, 44] for i in (2, 3, 5, 8)}
    made.photos[9] = photo(9, 30)
    # Before it is augmented it is searched as it is.
    assert made.searched()[9] == [9, 30]
    made.augmenter().augment_new()
    assert made.done[4:] == [9]
    assert made.searched() == {**{i: [i, 30, 40, 44] for i in (2, 3, 5, 8)}, 9: [9, 30, 40, 45]}
    made.augmenter().augment_new()
    assert len(made.done) == 5


def test_removed_images_are_not_searched(made):
    made.augmenter().augment_new()
    del made.photos[3]
    assert set(made.searched()) == {2, 5, 8}


def test_stale_images_are_augmented_anew(made):
    made.augmenter().augment_new()
    made.photos[9] = photo(9, 30)
    made.augmenter().augment_new()
    made.augmenter().augment_stale()
    assert sorted(made.done[5:]) == [2, 3, 5, 8]
    assert made.searched() == {i: [i, 30, 40, 45] for i in (2, 3, 5, 8, 9)}
    assert len(read_blocks(made.folder, Lists())) == 1
    made.augmenter().augment_stale()
    assert len(made.done) == 9
    del made.photos[2]
    made.augmenter().augment_stale()
    assert made.searched() == {i: [i, 30, 40, 44] for i in (3, 5, 8, 9)}
    assert read_blocks(made.folder, Lists())[0].rows.ids.tolist() == [3, 5, 8, 9]


def test_many_blocks_become_one_and_say_the_same(made, monkeypatch):
    monkeypatch.setattr(augmented, "MANY", 2)
    monkeypatch.setattr(augmented, "BLOCK_IMAGES", 1)
    made.augmenter().augment_new()
    assert len(read_blocks(made.folder, Lists())) <= 2
    assert made.searched() == {i: [i, 30, 40, 44] for i in (2, 3, 5, 8)}
    assert made.done == [2, 3, 5, 8]


def test_a_killed_run_goes_on_where_it_was(made, monkeypatch):
    monkeypatch.setattr(augmented, "BLOCK_IMAGES", 2)

    def killed(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.augmenter().augment_new(killed)
    (made.folder / ".writing-1").mkdir()
    assert made.searched() == {2: [2, 30, 40, 44], 3: [3, 30, 40, 44], 5: [5, 30], 8: [8, 30]}
    made.augmenter().augment_new()
    assert made.done == [2, 3, 5, 5, 8]
    assert not list(made.folder.glob(".writing-*"))


def test_a_failed_write_leaves_nothing(made, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(structures, "write_array", full)
    with pytest.raises(Exception, match="free some space"):
        made.augmenter().augment_new()
    assert not list(made.folder.iterdir())


def test_progress_is_told(made):
    told = []
    made.augmenter().augment_new(lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_deleted_blocks_are_made_anew(made):
    made.augmenter().augment_new()
    before = made.searched()
    for file in sorted(made.folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    assert made.searched() == {i: [i, 30] for i in (2, 3, 5, 8)}
    made.augmenter().augment_new()
    assert made.searched() == before


def test_a_damaged_block_is_left_out_and_made_again(made, caplog):
    made.augmenter().augment_new()
    before = made.searched()
    file = made.folder / "augmented-00000001" / "words.npy"
    file.write_bytes(file.read_bytes()[:20])
    assert read_blocks(made.folder, Lists()) == []
    assert "`resight update` makes it anew" in caplog.text
    made.augmenter().augment_new()
    assert made.searched() == before
    assert len(list(made.folder.iterdir())) == 1


def test_nothing_to_augment(made):
    made.photos.clear()
    made.augmenter().augment_new()
    made.augmenter().augment_stale()
    assert read_blocks(made.folder, Lists()) == []


def test_the_searcher_scores_augmented_images_like_plain_ones(made):
    made.augmenter().augment_new()
    method = Bow(size=WORDS, idf=False)

    def file_of(rows):
        blocks = [Block(Postings.from_arrays(r.arrays), r.ids, r.alive) for r in rows]
        return InvertedFile(PostingRows(blocks, method, codebook_size=WORDS))

    fresh = replace(made, photos={i: photo(*words) for i, words in made.searched().items()})
    one = file_of(overlay(made.plain(), read_blocks(made.folder, Lists()))).search(photo(5, 40, 44), 9)
    other = file_of(fresh.plain()).search(photo(5, 40, 44), 9)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)
