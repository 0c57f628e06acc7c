"""JAX's compilation cache on the disk, so that the same experiment compiles once."""

import os
from pathlib import Path

import jax


def use_compile_cache(folder: Path | None = None) -> Path:
    """Turn the cache on for this process; the folder that holds it.

    A cached program is code that will be run, so the folder is made readable and writable by its owner alone.

    Args:
      folder: Where to keep it; None is ``jbo/xla`` under ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
      PermissionError: The folder belongs to somebody else.
    """
    if folder is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jbo" / "xla"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    return folder
