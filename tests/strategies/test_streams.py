"""The random streams of a strategy with a model: fixed numbers, and no two uses with one key."""

import jax
import jax.numpy as jnp
import numpy as np

from jbo.strategies import streams

KEY = jax.random.key(7)
NUMBERS = {"FIT": 0, "BOX": 1, "DESIGN": 2, "DESIGN_NEW": 3, "BATCH": 4, "WEIGHTS": 5}
"""By the use: its number. Another number would change every suggestion of a study that goes on."""


def test_the_numbers_of_the_streams_stay():
    found = {name: number for name, number in vars(streams).items() if name.isupper() and not name.startswith("_")}
    assert found == NUMBERS


def test_a_stream_is_the_key_folded_with_its_number_and_row():
    for number in NUMBERS.values():
        of_number = jax.random.fold_in(KEY, number)
        assert streams.stream(KEY, number) == of_number
        assert streams.stream(KEY, number, 11) == jax.random.fold_in(of_number, 11)
    assert streams.of_row(KEY, jnp.asarray(11)) == jax.random.fold_in(KEY, 19), "rows begin at 8"


def test_no_two_uses_have_one_key():
    of_uses = [streams.stream(KEY, number) for number in NUMBERS.values()]
    of_rows = jax.vmap(lambda row: streams.of_row(KEY, row))(jnp.arange(64))
    words = [*(jax.random.key_data(key) for key in of_uses), *jax.random.key_data(of_rows)]
    assert len({tuple(np.asarray(pair).tolist()) for pair in words}) == len(NUMBERS) + 64
