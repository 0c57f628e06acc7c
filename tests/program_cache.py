"""What the programs of all tests share: a cache on the disk, and the context in which JAX lowers them."""

import functools


def keep_newest(folder, max_bytes):
    """Delete the programs that nobody has read for longest, until the others take at most so many bytes."""
    found = []
    for path in folder.glob("*-cache"):
        try:
            stat = path.stat()
        except FileNotFoundError:  # another run deleted it
            continue
        found.append((max(stat.st_atime, stat.st_mtime), stat.st_size, path))
    for _, size, path in sorted(found, reverse=True):
        max_bytes -= size
        if max_bytes < 0:
            path.unlink(missing_ok=True)


def share_context():
    """JAX lowers all programs of this process in one MLIR context.

    JAX makes a context for each program, which takes 6 ms, and the tests lower thousands of small programs. This
    replaces a private function of JAX; a version of JAX that has no such function is left as it is.
    """
    from jax._src.interpreters import mlir

    if hasattr(mlir, "make_ir_context"):
        mlir.make_ir_context = functools.cache(mlir.make_ir_context)
