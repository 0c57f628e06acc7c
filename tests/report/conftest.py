"""A study with names and reasons that would break a careless page; the browser's tests only where there is one."""

import shutil

import numpy as np
import pytest

import jbo
from jbo.report import write_report
from jbo.study import read_study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EVIL = "<script>hacked=1</script>"
SPACE = jbo.Space(
    {
        EVIL: jbo.Real(1e-4, 1.0, log=True),
        "units \"&'": jbo.Integer(1, 4),
        "kind": jbo.Categorical("a", "</script><b>", "c"),
        "tail": jbo.Real(0, 1, when=("kind", "a")),
    }
)


def pytest_collection_modifyitems(config, items):
    """What needs a browser is not collected where there is none: nothing is skipped, since nothing could be seen."""
    if CHROMIUM is None:
        without = [item for item in items if item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """30 trials and a pending one, higher is better: best at 0.01 and 2 units, above 0.15 they fail."""
    path, rng = tmp_path_factory.mktemp("report") / "a & <b>.db", np.random.default_rng(0)
    with jbo.Study(SPACE, maximize=True, seed=0, path=path) as study:
        for _ in range(30):
            config = SPACE.decode(rng.random(len(SPACE)))
            if config[EVIL] > 0.15:
                study.tell(config, failed=f"Traceback\n  File x\nMemoryError: </script>{EVIL}")
            else:
                loss = (np.log10(config[EVIL]) + 2) ** 2 + 0.3 * (config["units \"&'"] - 2) ** 2
                study.tell(config, float(10.0 - 4 * loss))
        study.enqueue({EVIL: 0.01, "units \"&'": 2, "kind": "c"})
        study.ask()
    return path


@pytest.fixture(scope="session")
def snapshot(file):
    return read_study(file)


@pytest.fixture(scope="session")
def written(file, snapshot):
    return write_report(snapshot, file.with_name("report.html"), label=f"score {EVIL}")
