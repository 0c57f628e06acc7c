"""A backend without windows, and studies whose pictures are looked at."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

import jbo
from jbo.diagnostics import view_model

matplotlib.use("Agg")

SPACE = jbo.Space(
    {
        "rate": jbo.Real(1e-4, 1.0, log=True),
        "cost $": jbo.Integer(1, 4),
        "kind": jbo.Categorical("a", "b", "c"),
        "tail": jbo.Real(0, 1, when=("kind", "a")),
    }
)


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def study():
    """Higher is better: 10 at rate 0.01, cost 2 and kind b; rates above 0.3 fail. One trial is pending."""
    rng = np.random.default_rng(0)
    with jbo.Study(SPACE, maximize=True, seed=0) as study:
        for _ in range(30):
            config = SPACE.decode(rng.random(len(SPACE)))
            if config["rate"] > 0.3:
                study.tell(config, failed="no memory")
            else:
                loss = (np.log10(config["rate"]) + 2) ** 2 + 0.3 * (config["cost $"] - 2) ** 2
                study.tell(config, 10.0 - loss - (config["kind"] != "b"))
        study.enqueue({"rate": 0.01, "cost $": 2, "kind": "b"})
        study.ask()
        yield study


@pytest.fixture(scope="session")
def view(study):
    return view_model(study)


@pytest.fixture(scope="session")
def line():
    """One parameter: the least value is near -0.42."""
    with jbo.Study(jbo.Space(x=jbo.Real(-1, 2)), seed=0) as study:
        for x in np.linspace(-1, 2, 9):
            study.tell({"x": float(x)}, float(np.sin(3 * x) + x**2))
        yield study
