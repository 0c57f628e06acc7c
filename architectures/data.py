"""Real data for the architectures, split once and for all: the same rows in the same parts, whoever asks."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float32, Int32
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

_SPLIT_SEED = 0
_NUM_TRAIN, _NUM_VALIDATION = 997, 400  # of 1797, so that as many remain: one program judges on both


class Examples(NamedTuple):
    """Labelled images, row by row."""

    images: Float32[Array | np.ndarray, "n height width channels"]
    """Pixels in [0, 1]."""
    labels: Int32[Array | np.ndarray, " n"]
    """The class of each image, counted from 0."""


class Digits(NamedTuple):
    """Handwritten digits in three parts that share no image, each with the ten classes in equal measure."""

    train: Examples
    """997 images to learn from."""
    validation: Examples
    """400 images by which a search compares configurations."""
    test: Examples
    """400 images to be looked at once, at the end."""


@cache
def digits() -> Digits:
    """The 1797 handwritten digits of scikit-learn as images of shape [8, 8, 1], always split the same way.

    The parts are stratified: each class has the same share of each part, up to one image.

    References:
      Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    raw: Any = load_digits()
    images = (raw.images[..., None] / 16.0).astype(np.float32)  # [n, 8, 8] of 0..16 -> [n, 8, 8, 1]
    labels = raw.target.astype(np.int32)
    train, rest = train_test_split(
        np.arange(len(labels)), train_size=_NUM_TRAIN, stratify=labels, random_state=_SPLIT_SEED
    )
    validation, test = train_test_split(
        rest, train_size=_NUM_VALIDATION, stratify=labels[rest], random_state=_SPLIT_SEED
    )
    return Digits(*(Examples(images[rows], labels[rows]) for rows in (train, validation, test)))
