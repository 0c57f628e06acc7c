"""The digits: what they are, and that the parts share nothing and look alike."""

import numpy as np

from architectures.data.digits import digits


def test_parts_have_the_shapes_types_and_range_they_promise():
    for part, size in zip(digits(), (997, 400, 400), strict=True):
        assert part.inputs.shape == (size, 8, 8, 1) and part.inputs.dtype == np.float32
        assert part.targets.shape == (size,) and part.targets.dtype == np.int32
        np.testing.assert_array_equal(part.weights, np.ones(size, np.float32))
        assert part.inputs.min() == 0 and part.inputs.max() == 1


def test_parts_are_all_of_the_digits_and_each_once():
    from sklearn.datasets import load_digits

    ours = np.concatenate([part.inputs.reshape(-1, 64) * 16 for part in digits()])  # [n, 8, 8, 1] -> [n, 64]
    theirs = load_digits().data
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_images_kept_their_labels():
    from sklearn.datasets import load_digits

    raw = load_digits()
    label_of = {row.tobytes(): label for row, label in zip(raw.data.astype(np.float32), raw.target, strict=True)}
    for part in digits():
        rows = part.inputs.reshape(-1, 64) * 16  # [n, 8, 8, 1] -> [n, 64]
        assert [label_of[row.tobytes()] for row in rows] == part.targets.tolist()


def test_every_class_has_the_same_share_of_each_part():
    counts = np.array([np.bincount(part.targets, minlength=10) for part in digits()])  # [parts, classes]
    sizes = counts.sum(axis=1, keepdims=True)
    expected = counts.sum(axis=0) * sizes / sizes.sum()
    assert np.abs(counts - expected).max() <= 1.5


def test_the_split_is_always_the_same():
    first = digits()
    digits.cache_clear()
    assert all(np.array_equal(a.inputs, b.inputs) for a, b in zip(first, digits(), strict=True))
