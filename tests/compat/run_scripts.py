"""Run GPyOpt scripts with only their imports changed: ``run_scripts.py SCRIPT...``; a line of JSON each.

One process for all scripts, so that they share compiled programs.
"""

import json
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

IMPORTS = [
    (r"^import GPyOpt$", "import jbo.compat.gpyopt as GPyOpt"),
    (r"^import GPy$", "import jbo.compat.gpy as GPy"),
    (r"^from GPyOpt\b", "from jbo.compat.gpyopt"),
    (r"^from GPy\b", "from jbo.compat.gpy"),
]
"""All that changes in a script."""


def changed(text):
    for pattern, new in IMPORTS:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    return text


def run(path):
    """The last lines of the traceback of a script, or None if it ran."""
    import numpy as np

    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    np.random.seed(20)  # noqa: NPY002
    code = compile(changed(path.read_text()), str(path), "exec")
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(code, {"__name__": "__main__", "__file__": str(path)})
        except (Exception, SystemExit) as error:
            lines = [f"line {f.lineno}" for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
            return f"{', '.join(lines[-1:])}: {error!r}"
        finally:
            os.chdir(before)
    return None


if __name__ == "__main__":
    for name in sys.argv[1:]:
        said, sys.stdout = sys.stdout, sys.stderr
        started = time.process_time()
        failure = run(Path(name).resolve())
        sys.stdout = said
        print(json.dumps([Path(name).stem, failure, round(time.process_time() - started, 1)]), flush=True)
