"""A real PostgreSQL in a folder of its own, where one is installed."""

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PLACES = os.pathsep.join([os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))])
POSTGRES, INITDB = (shutil.which(name, path=PLACES) for name in ("postgres", "initdb"))


def pytest_collection_modifyitems(config, items):
    """What needs PostgreSQL is not collected where there is none: nothing is skipped, since nothing could be seen."""
    if POSTGRES is None or INITDB is None:
        without = [item for item in items if item.get_closest_marker("postgres")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def server_user():
    """Who runs the server, which refuses root: the user that its package makes, or nobody."""
    import pwd

    if os.geteuid():
        return getpass.getuser(), {}
    user = next(user for user in pwd.getpwall() if user.pw_name in ("postgres", "nobody"))
    return user.pw_name, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def postgres():
    """Address of an empty database, reached by a socket in a folder that goes with the server."""
    name, as_user = server_user()
    with tempfile.TemporaryDirectory(prefix="jbo-postgres-") as folder:
        shutil.chown(folder, name)
        run = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **as_user}
        made = subprocess.run([INITDB, "-D", f"{folder}/data", "-A", "trust", "-U", "jbo"], check=False, **run)
        assert made.returncode == 0, made.stdout
        run |= {"stdout": open(f"{folder}/log", "w")}
        command = [POSTGRES, "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses="]
        with run["stdout"], subprocess.Popen(command, **run) as server:
            try:
                for _ in range(600):
                    if "ready to accept connections" in Path(folder, "log").read_text():
                        break
                    assert server.poll() is None, Path(folder, "log").read_text()
                    time.sleep(0.1)
                yield f"postgresql+psycopg://jbo@/postgres?host={folder}"
            finally:
                server.send_signal(signal.SIGINT)  # waits for nobody
                server.wait(timeout=60)
