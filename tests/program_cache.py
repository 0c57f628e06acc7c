"""The cache of compiled programs that all runs of the tests share."""


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
