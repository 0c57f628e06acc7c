"""Handwritten digits of scikit-learn in a fixed split."""

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from architectures.examples import Split, labelled

_SPLIT_SEED = 0
_NUM_TRAIN, _NUM_VALIDATION = 997, 400  # of 1797; 400 remain, so one program evaluates both


@cache
def digits() -> Split:
    """The 1797 handwritten digits of scikit-learn as images of shape [8, 8, 1] in [0, 1], in a fixed split.

    The parts are 997 training, 400 validation and 400 test images. They are stratified: each class has the same
    fraction of each part, up to one image.

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
    return Split(*(labelled(images[rows], labels[rows]) for rows in (train, validation, test)))
