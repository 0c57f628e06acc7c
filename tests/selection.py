"""What a test runs with by default, and what in `make thorough` alone."""

import pytest


def some(names, values, by_default=1, **kwargs):
    """`pytest.mark.parametrize`, of which few values run by default: so many first ones, or those that are listed."""
    values, is_one = list(values), isinstance(names, str) and "," not in names

    def marked(i, value):
        runs = i < by_default if isinstance(by_default, int) else value in by_default
        if runs or isinstance(value, type(pytest.param())):
            return value
        return pytest.param(*([value] if is_one else value), marks=pytest.mark.thorough)

    return pytest.mark.parametrize(names, [marked(i, value) for i, value in enumerate(values)], **kwargs)
