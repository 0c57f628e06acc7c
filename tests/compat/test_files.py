"""Evaluations survive a file to the last digit."""

import numpy as np
import pytest

from jbo.compat.gpyopt.methods import BayesianOptimization

DOMAIN = [
    {"name": "learning rate", "type": "continuous", "domain": (0, 4)},
    {"name": "b", "type": "continuous", "domain": (-7, 100)},
]
X = np.array([[0.1 + 0.2, 3.0], [1e-300, -7.0], [np.pi, 0.0]])
Y = np.array([[1 / 3], [np.nan], [-2.5e17]])


def optimization(x=None, y=None):
    function = None if y is not None else lambda row: 0.0
    return BayesianOptimization(function, DOMAIN, X=x, Y=y, initial_design_numdata=0, seed=0)


def load(path):
    """The evaluations in a file."""
    found = optimization()
    found.load_evaluations(path)
    return found.get_evaluations()


def test_there_and_back(tmp_path):
    optimization(X, Y).save_evaluations(tmp_path / "e.tsv")
    assert (tmp_path / "e.tsv").read_text().splitlines()[:2] == [
        "Iteration\tY\tlearning rate\tb",
        f"1\t{1 / 3!r}\t{0.1 + 0.2!r}\t3.0",
    ]
    x, y = load(tmp_path / "e.tsv")
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    optimization().save_evaluations(tmp_path / "e.tsv")
    assert (tmp_path / "e.tsv").read_text() == "Iteration\tY\tlearning rate\tb\n"
    x, y = load(tmp_path / "e.tsv")
    assert x.shape == (0, 2) and y.shape == (0, 1)


def test_a_file_of_gpyopt(tmp_path):
    (tmp_path / "g.txt").write_bytes(
        b"Iteration\tY\tvar_1\tvar_2\r\n1.0\t0.5\t0.25\t32.0\r\n2.0\t-1.0\t1e-05\t64.0\r\n"
    )
    x, y = load(tmp_path / "g.txt")
    assert x.tolist() == [[0.25, 32], [1e-5, 64]] and y.tolist() == [[0.5], [-1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected the columns \['Iteration', 'Y', 'learning rate', 'b'\], got \[\]"),
        ("Iteration\tY\tb\tlearning rate\n", "expected the columns"),
        ("Iteration\tY\tlearning rate\n", "expected the columns"),
        ("Iteration\tY\tlearning rate\tb\n1\t2\t3\n", "line 2: expected 4 numbers, got '1\\\\t2\\\\t3'"),
        ("Iteration\tY\tlearning rate\tb\n1\t2\t3\t4\n1\t2\tx\t4\n", "line 3: expected 4 numbers"),
    ],
)
def test_other_files(tmp_path, text, message):
    (tmp_path / "e.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "e.tsv")
