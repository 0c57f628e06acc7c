"""JAX's compilation cache on disk, so that a script compiles its programs only once."""

import os
from pathlib import Path
from typing import Any

import jax


def use_compile_cache(folder: str | os.PathLike[str] | Any = None) -> Path:
    """Turn on JAX's compilation cache on disk for this process, and return its folder.

    It is for programs that a script compiles itself, such as the training step of a network, and for the pure layer of
    jbo. A study does not need it: `jbo.Study` has its own cache of programs, see ``JBO_CACHE``. JAX's cache is a
    setting of the whole process, so jbo never turns it on by itself. Cached programs are executed, so only their owner
    may read and write the folder.

    Args:
      folder: Folder of the cache; None: ``jbo/xla`` in ``$XDG_CACHE_HOME`` or in ``~/.cache``.

    Raises:
      TypeError: ``folder`` is not the name of a folder.
      FileExistsError: ``folder`` is a file.
      PermissionError: The folder belongs to another user.
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
