"""Settings shared by all tests: strict shapes and dtypes for the core, hypothesis profiles, no skip in CI."""

import gc
import os
import zlib
from importlib.metadata import version
from pathlib import Path

# Tests compile far more than they compute, so they compile as fast as XLA can: it takes a third of the time, and what
# comes of it is two to four times as slow. `JBO_OPTIMIZE=1` is what users have.
if os.environ.get("JBO_OPTIMIZE") != "1":
    fast_compile = "--xla_backend_optimization_level=0"
    if version("jaxlib").startswith("0.10."):  # the XLA of a later one knows no other emitters, and aborts
        fast_compile += " --xla_cpu_use_fusion_emitters=false"
        fast_compile += " --xla_cpu_parallel_codegen_split_count=1"  # each part of a program costs time of its own
    os.environ["XLA_FLAGS"] = f"{fast_compile} {os.environ.get('XLA_FLAGS', '')}"

# All processes of the tests, and the next run, share one cache of compiled programs: XLA needs ten times as long to
# compile a program as to read it. A run begins with at most 1 GiB of them; `make clean` deletes the cache.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".xla_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")

# jbo's own cache of programs would hide what a test breaks; tests of the cache give it a folder.
os.environ["JBO_CACHE"] = "off"

# Two processes side by side, each with a thread of OpenBLAS for each core, wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import jax
import pytest

from tests.program_cache import keep_newest, share_context

# Outside of `jit` each operation and shape is a program of its own, thousands of them: to read one takes half the time.
# Processes that tests start keep only what compiled for longer, since some of them are killed while they write.
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

jax.config.update("jax_traceback_in_locations_limit", 0)  # nobody reads where an operation of a program comes from

share_context()

gc.set_threshold(200_000, 20, 100)  # a tenth of the time: tracing allocates many objects that stay alive

_MAPS = Path("/proc/self/maps")
_TESTS_BETWEEN_LOOKS = 16
_MOST_MAPS = 50_000
"""Pieces of memory of a process; Linux allows 65,530, each program of XLA takes some, and past them it crashes."""
_NUM_TESTS = pytest.StashKey[int]()
THOROUGH = os.environ.get("JBO_THOROUGH") == "1"
hypothesis.settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True)
hypothesis.settings.register_profile("thorough", max_examples=300, deadline=None, derandomize=True)
hypothesis.settings.load_profile("thorough" if THOROUGH else "quick")


def pytest_configure(config):
    """The process that starts the others makes room in the cache of programs."""
    if not hasattr(config, "workerinput"):
        keep_newest(Path(__file__).parents[1] / ".xla_cache", 2**30)


def pytest_collection_modifyitems(items):
    """Of the long tests `make thorough` runs a half that the commit's hash draws; ``JBO_PART=all`` or none runs all.

    Half of them take as long as a test machine may be had. Which half a test is in depends on its name alone.
    """
    part = os.environ.get("JBO_PART", "all")
    if part != "all":
        items[:] = [item for item in items if (zlib.crc32(item.nodeid.encode()) ^ int(part, 16)) % 2 == 0]


def pytest_collection_finish():
    """What was imported stays to the end, so no collection of garbage needs to walk through it."""
    gc.freeze()


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    """Floating type of a test of the core: each runs in both."""
    with jax.enable_x64(request.param == "float64"):
        yield jax.numpy.dtype(request.param)


@pytest.fixture(params=["float64", pytest.param("float32", marks=pytest.mark.thorough)])
def slow_dtype(request):
    """The floating types of a test that compiles for long: its parts are tested in both by default."""
    with jax.enable_x64(request.param == "float64"):
        yield jax.numpy.dtype(request.param)


@pytest.fixture
def x64():
    """Run a test with 64-bit types."""
    with jax.enable_x64(True):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one: what does not run shows nothing."""
    report = yield
    if os.environ.get("JBO_NO_SKIP") == "1" and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped in a run that allows no skip: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """The programs of tests that are over go before there are too many of them.

    The kernel takes ten milliseconds to list the pieces, so not every test does: sixteen tests add a few thousand.
    """
    item.config.stash[_NUM_TESTS] = num = item.config.stash.get(_NUM_TESTS, 0) + 1
    if num % _TESTS_BETWEEN_LOOKS:
        return
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
        from jbo.study import programs  # not above: jaxtyping wants to be there first

        programs.forget()
        jax.clear_caches()
        gc.collect()
