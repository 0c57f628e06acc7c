import pytest

from jbo.strategies import random_search
from jbo.study import Study


@pytest.fixture
def make_study():
    """Studies without a model."""
    return lambda space: Study(space, strategy=random_search(space), seed=0)
