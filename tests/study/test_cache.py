"""Programs on the disk: what one process compiled another one loads, and nothing that goes wrong there is noticed."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.experimental.compilation_cache import compilation_cache as jax_cache
from jax.stages import Lowered

import jbo
from jbo import numerics
from jbo.acquisitions import formulas
from jbo.study import cache, fingerprint, programs
from jbo.world import world

KEY, CONTENT = "a key", b"what was kept" * 40


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "programs"
    monkeypatch.setenv("JBO_CACHE", str(path))
    return path


@pytest.fixture
def compiled(monkeypatch):
    """How often something was compiled; no program of another test is in memory, nor in JAX's cache."""
    count, real = [], Lowered.compile
    jax_cache.reset_cache()
    jax.config.update("jax_enable_compilation_cache", False)

    def counted(lowered, **options):
        count.append(lowered)
        return real(lowered, **options)

    monkeypatch.setattr(Lowered, "compile", counted)
    programs.forget()
    yield count
    programs.forget()
    jax.config.update("jax_enable_compilation_cache", True)
    jax_cache.reset_cache()


def settle():
    for thread in threading.enumerate():
        if thread.name == "jbo-compile":
            thread.join()


def kept(folder):
    return sorted(path.name for path in folder.glob("*.program"))


def bound(size=3, device=None):
    """Run a program of jbo that takes little time to compile, as a process would that has just started."""
    programs.forget()
    arguments = (np.linspace(-1.0, 1.0, size), np.linspace(0.5, 2.0, size), 1.5)
    with world(device):
        found, _ = programs.run(programs.Call(formulas.lower_confidence_bound, arguments, device))
    assert np.array_equal(found, arguments[0] - 1.5 * arguments[1])
    return found


def bounds_place():
    with world(None):
        return cache.place(formulas.lower_confidence_bound, (np.zeros(3), np.ones(3), 1.5))


def test_what_was_compiled_once_is_loaded(folder, compiled):
    first = bound()
    assert len(compiled) == 1 and len(kept(folder)) == 1 and folder.stat().st_mode & 0o777 == 0o700
    second = bound()
    assert len(compiled) == 1
    assert first.aval == second.aval and first.sharding == second.sharding and first.committed == second.committed
    assert np.array_equal(first, second)
    bound(size=4)
    assert len(compiled) == 2 and len(kept(folder)) == 2, "another shape is another program"


THOROUGH = [pytest.param(make, marks=pytest.mark.thorough) for make in (jbo.sobol_search, jbo.parzen, jbo.bayesian)]


@pytest.mark.parametrize("make", [jbo.random_search, *THOROUGH])
def test_a_study_asks_the_same_with_and_without(folder, compiled, make, monkeypatch):
    space = jbo.Space(x=jbo.Real(0.1, 10.0, log=True), n=jbo.Integer(1, 9), c=jbo.Categorical("a", "b"))

    def asked():
        settle()
        programs.forget()
        with jbo.Study(space, strategy=make(space), seed=3) as study:
            study.optimize(lambda config: config["x"] + config["n"], 4 + getattr(study.strategy, "num_initial", 0))
            return [trial.config for trial in study.trials]

    with world(None):
        before = fingerprint.fingerprint()
    with monkeypatch.context() as patch:
        patch.setenv("JBO_CACHE", "off")
        without = asked()
    assert not folder.exists()
    assert asked() == without and kept(folder)
    number = len(compiled)
    assert asked() == without and len(compiled) == number
    settle()
    with world(None):
        assert fingerprint.fingerprint() == before, "no run of jbo changes what it is"


@dataclass(frozen=True)
class Even:
    """A constraint of the user."""

    def __call__(self, config):
        return config["n"] % 2 == 0


@pytest.mark.parametrize("constraint", [Even(), lambda config: config["n"] < 7])
def test_what_calls_back_is_not_kept(folder, compiled, constraint):
    space = jbo.Space(n=jbo.Integer(1, 9), constraint=constraint)
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        assert constraint(study.ask().config)
    assert compiled and not kept(folder)


def test_a_compiled_program_that_calls_back_is_refused(folder):
    def on_host(x):
        return jax.pure_callback(np.negative, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    place, x = bounds_place(), np.zeros(3, np.float32)
    assert place.pack(jax.jit(on_host).lower(x).compile()) is None


@jbo.pytree
@dataclass(frozen=True)
class Own(jbo.Strategy):
    """A strategy of the user."""

    def suggest(self, key, state, region):
        return jbo.random_search(jbo.Space(x=jbo.Real(0.0, 1.0))).suggest(key, state, region)


def test_what_holds_code_of_the_user_is_not_kept(folder, compiled):
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    with jbo.Study(space, strategy=Own(space.encoding), seed=0) as study:
        study.ask()
    with world(None):
        programs.run(programs.Call(lambda x: x + 1, (np.zeros(2),), None))
    assert len(compiled) == 2 and not kept(folder)


def test_the_environment_says_where(monkeypatch, tmp_path, compiled):
    monkeypatch.delenv("JBO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "jbo" / "programs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "jbo" / "programs"
    monkeypatch.setenv("JBO_CACHE", "~/programs")
    assert cache.folder() == tmp_path / "home" / "programs"
    for off in ("off", "OFF"):
        monkeypatch.setenv("JBO_CACHE", off)
        assert cache.folder() is None
    bound()
    assert len(compiled) == 1 and list(tmp_path.iterdir()) == []


def other_processor(monkeypatch):
    monkeypatch.setattr(fingerprint, "processor", lambda: ["flags : none"])


def other_version(monkeypatch):
    monkeypatch.setattr(fingerprint, "versions", lambda: {"jax": "0.0.1"})


def other_constant(monkeypatch):
    [name] = [name for name, value in vars(numerics).items() if name.isupper() and isinstance(value, float)][:1]
    monkeypatch.setattr(numerics, name, 0.5)


def other_function(monkeypatch):
    monkeypatch.setattr(numerics, "other", lambda x: x, raising=False)


def other_method(monkeypatch):
    monkeypatch.setattr(jbo.Strategy, "tell", lambda *_: None)


def other_flags(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"] + " --xla_cpu_enable_fast_min_max=false")


@pytest.mark.parametrize(
    "other", [other_processor, other_version, other_constant, other_function, other_method, other_flags]
)
def test_a_program_of_other_circumstances_is_another_one(folder, compiled, monkeypatch, other):
    bound()
    with monkeypatch.context() as patch:
        other(patch)
        bound()
        assert len(compiled) == 2 and len(kept(folder)) == 2
        bound()
        assert len(compiled) == 2
    bound()
    assert len(compiled) == 2, "and the first one is still there"


def test_settings_and_circumstances_are_named():
    with world(None):
        found = fingerprint.fingerprint()
        with jax.default_matmul_precision("bfloat16"):
            other = fingerprint.fingerprint()
    assert found["settings"]["jax_enable_x64"] == "True" and found["settings"] != other["settings"]
    assert found["versions"]["jax"] == jax.__version__ and found["cores"] >= 1
    if sys.platform == "linux":
        assert any(line.startswith(("flags", "Features")) for line in found["processor"])


def test_what_jax_had_in_its_own_cache_is_not_kept(folder, compiled, monkeypatch, tmp_path):
    """XLA serialises it without its code, see `jbo.study`'s module of executables."""
    jax_cache.reset_cache()
    names = ("jax_enable_compilation_cache", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    try:
        for name, value in zip(names, (True, str(tmp_path / "xla"), 0.0), strict=True):
            jax.config.update(name, value)
        with monkeypatch.context() as patch:
            patch.setenv("JBO_CACHE", "off")
            bound()
        assert list((tmp_path / "xla").iterdir())
        bound()
        assert len(compiled) == 2 and not kept(folder)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        jax_cache.reset_cache()


@pytest.mark.parametrize("damage", ["short", "empty", "bit", "another", "no program"])
def test_a_damaged_file_is_compiled_again(folder, compiled, damage):
    bound()
    [path] = folder.glob("*.program")
    whole = path.read_bytes()
    if damage == "short":
        path.write_bytes(whole[:-7])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "bit":
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif damage == "another":  # whole, and of another key
        bound(size=4)
        [second] = set(folder.glob("*.program")) - {path}
        os.replace(second, path)
    else:  # what no version of jbo wrote, with a checksum
        place = bounds_place()
        assert place.find()[0] is not None
        place.files.write(place.key, b'{"name": 3}\nno program')
    number = len(compiled)
    bound()
    assert len(compiled) == number + 1
    bound()
    assert len(compiled) == number + 1, "and kept again"


def test_a_program_that_xla_refuses_is_compiled_again(folder, compiled):
    bound()
    place = bounds_place()
    packed, _ = place.find()
    place.store(packed._replace(executable=packed.executable[:-10]))
    bound()
    bound()
    assert len(compiled) == 2


@given(data=st.data())
def test_what_is_read_was_written(data):
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        files = cache.Files(Path(name))
        files.write(KEY, CONTENT)
        [path] = Path(name).iterdir()
        whole = path.read_bytes()
        kind = data.draw(st.sampled_from(["cut", "changed", "longer", "anything"]))
        place = data.draw(st.integers(0, len(whole) - 1))
        other = {
            "cut": whole[:place],
            "changed": whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :],
            "longer": whole + data.draw(st.binary(min_size=1, max_size=9)),
            "anything": data.draw(st.binary(max_size=200)),
        }[kind]
        path.write_bytes(other)
        assert files.read(KEY) is None
        path.write_bytes(whole)
        assert files.read(KEY) == CONTENT and files.read("another key") is None


def test_what_was_used_last_stays(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "programs"
    contents = {f"key {k}": rng.bytes(1000) for k in range(4)}
    files = cache.Files(path, max_bytes=3600)
    for k, (key, content) in enumerate(contents.items()):
        if k == 3:
            assert files.read("key 0") == contents["key 0"]  # used last, written first
        files.write(key, content)
        newest = max(path.glob("*.program"), key=lambda one: one.stat().st_mtime_ns)
        if k < 3:
            os.utime(newest, (1000 + k, 1000 + k))
    assert [key for key in contents if files.read(key) is not None] == ["key 0", "key 2", "key 3"]


def test_a_writer_that_was_killed_leaves_nothing_for_long(tmp_path):
    path = tmp_path / "programs"
    files = cache.Files(path)
    files.write(KEY, CONTENT)
    for name, age in (("new-old", 7200), ("new-one", 0)):
        (path / name).write_bytes(b"half a prog")
        os.utime(path / name, (path.stat().st_mtime - age,) * 2)
    files.write(KEY, CONTENT)
    assert sorted(one.name for one in path.iterdir() if one.suffix != ".program") == ["new-one"]
    assert files.read(KEY) == CONTENT


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt()])
def test_a_write_that_ends_early_leaves_what_was_there(tmp_path, monkeypatch, error):
    path = tmp_path / "programs"
    files = cache.Files(path)
    files.write(KEY, CONTENT)

    def ends(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", ends)
        with pytest.raises(type(error)):
            files.write(KEY, b"other")
    assert files.read(KEY) == CONTENT and len(list(path.iterdir())) == 1


@pytest.mark.parametrize("why", ["mode", "owner", "file", "parent", "full"])
def test_a_folder_that_cannot_be_used_is_left_alone(folder, compiled, monkeypatch, why):
    if why == "mode":
        folder.mkdir(mode=0o750)
    elif why == "owner":
        bound()
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    elif why == "file":
        folder.write_bytes(b"a file")
    elif why == "parent":
        monkeypatch.setenv("JBO_CACHE", str(folder / "programs"))
        folder.write_bytes(b"a file")
    else:

        def full(*_, **__):
            raise OSError(errno.ENOSPC, "no space")

        monkeypatch.setattr(cache.tempfile, "mkstemp", full)
    number, before = len(compiled), kept(folder)
    bound()
    bound()
    assert len(compiled) == number + 2 and kept(folder) == before


def test_several_write_and_read_at_once(tmp_path):
    files, wrong = cache.Files(tmp_path / "programs"), []
    files.write(KEY, CONTENT)

    def work():
        for _ in range(20):
            files.write(KEY, CONTENT)
            if files.read(KEY) != CONTENT:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(list((tmp_path / "programs").iterdir())) == 1


STUDY = """
import sys
import jax.monitoring
compiled = []
def seen(event, seconds, **_):
    if "backend_compile" in event:
        compiled.append(event)
jax.monitoring.register_event_duration_secs_listener(seen)
import jbo
with jbo.Study(jbo.functions.hartmann6.space, seed=1) as study:
    study.optimize(lambda config: sum((value - 0.3) ** 2 for value in config.values()), 12, progress=False)
    print([[value.hex() for value in trial.config.values()] for trial in study.trials], study.recommended.number)
    print(len(compiled), study.last_suggestion.is_model_based)
"""


def in_a_process(**environment):
    command = [sys.executable, "-W", "error", "-c", STUDY]
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"} | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.thorough
def test_a_second_process_compiles_nothing_and_finds_the_same_to_the_last_digit(tmp_path):
    without = in_a_process(JBO_CACHE="off")
    first = in_a_process(JBO_CACHE=str(tmp_path / "programs"))
    second = in_a_process(JBO_CACHE=str(tmp_path / "programs"))
    assert without[0] == first[0] == second[0]
    assert without[1] == first[1] != second[1] == "0 True"


WRITER = """
import sys
from pathlib import Path
from jbo.study.cache import Files
files = Files(Path(sys.argv[1]))
print("begun", flush=True)
while True:
    for k in range(8):
        files.write(f"key {k}", bytes([k]) * 300_000)
"""


@pytest.mark.thorough
def test_a_writer_killed_at_any_instant_leaves_whole_files(tmp_path):
    path = tmp_path / "programs"
    files = cache.Files(path)
    for pause in (0.0, 0.003, 0.01, 0.02, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "begun\n"
        threading.Event().wait(pause)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        for k in range(8) if path.exists() else ():
            assert files.read(f"key {k}") in (None, bytes([k]) * 300_000)
        files.write("key 0", b"and others go on")
        assert files.read("key 0") == b"and others go on"
        assert all(one.suffix == ".program" or one.name.startswith("new-") for one in path.iterdir())
