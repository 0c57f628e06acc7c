"""The digits: what they are, and that the parts share nothing and look alike."""

import numpy as np

from architectures.data import digits


def test_parts_have_the_shapes_types_and_range_they_promise():
    for part, size in zip(digits(), (997, 400, 400), strict=True):
        assert part.images.shape == (size, 8, 8, 1) and part.images.dtype == np.float32
        assert part.labels.shape == (size,) and part.labels.dtype == np.int32
        assert part.images.min() == 0 and part.images.max() == 1


def test_parts_are_all_of_the_digits_and_each_once():
    from sklearn.datasets import load_digits

    ours = np.concatenate([part.images.reshape(-1, 64) * 16 for part in digits()])  # [n, 8, 8, 1] -> [n, 64]
    theirs = load_digits().data
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_images_kept_their_labels():
    from sklearn.datasets import load_digits

    raw = load_digits()
    label_of = {row.tobytes(): label for row, label in zip(raw.data.astype(np.float32), raw.target, strict=True)}
    for part in digits():
        rows = part.images.reshape(-1, 64) * 16  # [n, 8, 8, 1] -> [n, 64]
        assert [label_of[row.tobytes()] for row in rows] == part.labels.tolist()


def test_every_class_has_the_same_share_of_each_part():
    counts = np.array([np.bincount(part.labels, minlength=10) for part in digits()])  # [parts, classes]
    sizes = counts.sum(axis=1, keepdims=True)
    expected = counts.sum(axis=0) * sizes / sizes.sum()
    assert np.abs(counts - expected).max() <= 1.5


def test_the_split_is_always_the_same():
    first = digits()
    digits.cache_clear()
    assert all(np.array_equal(a.images, b.images) for a, b in zip(first, digits(), strict=True))
