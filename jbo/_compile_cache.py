"""JAX's compilation cache on the disk, so that the same script compiles once."""

import os
from pathlib import Path
from typing import Any

import jax


def use_compile_cache(folder: str | os.PathLike[str] | Any = None) -> Path:
    """Turn JAX's cache of compiled programs on the disk on for this process; the folder that holds it.

    It is for the programs that a script compiles itself, such as the training step of a network, and for the pure layer
    of jbo. A study needs none of it: `jbo.Study` keeps its programs in a cache of its own, see ``JBO_CACHE``. The cache
    of JAX is a setting for the whole process, so jbo never turns it on by itself. A cached program is code that will be
    run: only its owner may read and write the folder.

    Args:
      folder: Where to keep it; None is ``jbo/xla`` under ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
      TypeError: It is no name.
      FileExistsError: It is a file.
      PermissionError: The folder belongs to somebody else.
    """
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder: expected the name of a folder, or None for the default, got {folder!r}")
    if folder is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jbo" / "xla"
    folder = Path(folder).expanduser().absolute()  # the process may change its working folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    return folder
