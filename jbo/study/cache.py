"""Cache of compiled programs on disk: a second process loads the programs of the first one, without tracing.

A file holds one program: XLA's machine code, and the data needed to call it. Nothing is unpickled. The key of a file is
everything that the program depends on, as plain values:

- jbo's source files, and functions or constants that were replaced in memory;
- the versions of Python, JAX and the other packages whose code is traced;
- the processor, JAX's settings and XLA's flags;
- the function, and the structure, shapes and types of its arguments. Their numbers are data.

A program is cached only if it is a function of its key: its structure must consist of plain values, and of classes and
functions of jbo. A program with code of the user, such as a constraint or a kernel, is not cached.
Each process compiles it, because jbo cannot know when that code has changed.

Machine code from the cache is executed. The folder must therefore belong to the user and be closed to everybody else
(mode 0700); any other folder is not used. A file has a checksum. It is written under a temporary name and then renamed.
A file that is damaged, or can't be read or written, counts as missing: jbo then compiles the program, and reports this
in the debug log only.
"""

import hashlib
import json
import logging
import os
import stat
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import jax

from jbo.study._executable import Packed, pack, shapes_of, unpack
from jbo.study._structure import NotPlain, described, name_of
from jbo.study.fingerprint import fingerprint

VARIABLE = "JBO_CACHE"
"""Name of the environment variable, whose value is ``off`` or the name of the folder."""
_log = logging.getLogger("jbo")
_FORMAT = "jbo program 1\n"
_SUFFIX = ".program"
_NEW = "new-"
"""Prefix of the name of a file that is being written."""
_LONGEST_WRITE = 3600.0
"""Age in seconds after which a file with this prefix is deleted, because its writer must have been killed."""


def folder() -> Path | None:
    """The folder of cached programs; None if programs are not cached.

    The environment variable ``JBO_CACHE`` names the folder, or is ``off``. The default is ``jbo/programs`` in
    ``$XDG_CACHE_HOME`` or in ``~/.cache``.
    """
    named = os.environ.get(VARIABLE, "")
    if named.strip().lower() == "off":
        return None
    try:
        if named:
            return Path(named).expanduser().absolute()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "jbo" / "programs"
    except (RuntimeError, OSError):  # no home folder, or no working folder
        return None


class Files:
    """Files of a private folder by key. Each file is complete or missing.

    Args:
      path: The folder, which is created if it does not exist.
      max_bytes: Maximum total size. Above it, the least recently used files are deleted.
    """

    def __init__(self, path: Path, max_bytes: int = 2**28):
        self._path, self._max_bytes = path, max_bytes

    def read(self, key: str) -> bytes | None:
        """The content for a key; None if it is missing or damaged.

        Args:
          key: Everything that the content depends on.

        Raises:
          OSError: The folder or the file can't be read, or is not private.
        """
        self._check_private()
        path = self._file(key)
        try:
            with path.open("rb") as file:
                found = file.read()
        except FileNotFoundError:
            return None
        head = _head(key)
        checksum, body = found[len(head) : len(head) + 32], found[len(head) + 32 :]
        if not found.startswith(head) or hashlib.sha256(head + body).digest() != checksum:
            _log.debug("the kept program %s is damaged", path.name)
            return None
        os.utime(path)  # time of the latest use
        return zlib.decompress(body)

    def write(self, key: str, content: bytes) -> None:
        """Write the content for a key, and delete the oldest files above the maximum size.

        Args:
          key: Everything that the content depends on.
          content: The content, which replaces an earlier one.

        Raises:
          OSError: The folder can't be written, or is not private.
        """
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._check_private()
        head, body = _head(key), zlib.compress(content, 1)
        descriptor, name = tempfile.mkstemp(prefix=_NEW, dir=self._path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(head + hashlib.sha256(head + body).digest() + body)
            os.replace(name, self._file(key))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._trim()

    def _file(self, key: str) -> Path:
        return self._path / (hashlib.sha256(key.encode()).hexdigest()[:40] + _SUFFIX)

    def _check_private(self) -> None:
        """Raise an error unless the folder is the user's, and nobody else may read or write it."""
        facts = self._path.stat()
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(f"{self._path} is not a folder")
        if not hasattr(os, "getuid"):  # Windows, where a user's folders are private
            return
        if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            raise PermissionError(f"{self._path}: expected a folder of this user with mode 0700")

    def _trim(self) -> None:
        files = []
        for path in self._path.iterdir():
            try:
                facts = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            if path.suffix == _SUFFIX:
                files.append((facts.st_mtime, facts.st_size, path))
            elif path.name.startswith(_NEW) and facts.st_mtime < time.time() - _LONGEST_WRITE:
                path.unlink(missing_ok=True)
        left = self._max_bytes
        for _, size, path in sorted(files, reverse=True):
            left -= size
            if left < 0:
                path.unlink(missing_ok=True)


def _head(key: str) -> bytes:
    """The first bytes of the file for a key."""
    return _FORMAT.encode() + hashlib.sha256(key.encode()).digest()


class Place:
    """The cache entry for the program that a call needs.

    Args:
      files: Files of the cache.
      key: Everything that the program depends on.
      arguments: Flat arguments of the call.
      device: Device of the program.
    """

    def __init__(self, files: Files, key: str, arguments: list[Any], device: Any):
        self.files, self.key = files, key
        self._arguments, self._device = arguments, device

    def find(self) -> tuple[Packed | None, Any]:
        """The cached program, and the shapes and types of its result; None and None if it is not cached."""
        try:
            content = self.files.read(self.key)
            if content is None:
                return None, None
            facts, _, executable = content.partition(b"\n")
            packed = Packed(json.loads(facts), executable)
            return packed, shapes_of(packed)
        except Exception as error:
            _log.debug("no program was found: %r", error)
            return None, None

    def load(self, packed: Packed) -> Any:
        """The compiled program, a `jax.stages.Compiled` of the list of arguments; None if XLA rejects it.

        Args:
          packed: The program from `find`.
        """
        try:
            return unpack(packed, self._arguments, self._device)
        except Exception as error:
            _log.debug("the program was not loaded: %r", error)
            return None

    def pack(self, compiled: Any) -> Packed | None:
        """The program as bytes; None if it must not be cached. Call this before the first run of the program.

        Args:
          compiled: The compiled call.
        """
        try:
            return pack(compiled, self._device)
        except Exception as error:
            _log.debug("the program is not kept: %r", error)
            return None

    def store(self, packed: Packed) -> None:
        """Write a program to the cache.

        Args:
          packed: The program from `pack`.
        """
        try:
            self.files.write(self.key, json.dumps(packed.facts).encode() + b"\n" + packed.executable)
        except Exception as error:
            _log.debug("the program is not kept: %r", error)


def place(function: Any, arguments: tuple[Any, ...]) -> Place | None:
    """The cache entry for the program of a call; None if the program must not be cached, or the cache is off.

    Args:
      function: The function that is compiled, in this context.
      arguments: Arguments of the call.
    """
    path = folder()
    if path is None:
        return None
    try:
        device: Any = getattr(jax.config, "jax_default_device", None)
        if getattr(device, "platform", None) != "cpu":
            raise NotPlain(f"programs for {device} are not kept")
        leaves, structure = jax.tree.flatten(arguments)
        key = {
            "function": name_of(function),
            "structure": described(structure),
            "arguments": [_leaf(leaf, device) for leaf in leaves],
            "device": [device.id, device.process_index, device.device_kind, device.client.platform_version],
            **fingerprint(),
        }
        return Place(Files(path), json.dumps(key, sort_keys=True), leaves, device)
    except Exception as error:
        _log.debug("the program is not kept: %r", error)
        return None


def _leaf(leaf: Any, device: Any) -> list[Any]:
    """The properties of an argument that a program depends on."""
    if getattr(leaf, "committed", False) and leaf.devices() != {device}:
        raise NotPlain("an argument is held on another device")
    aval = jax.typeof(leaf)
    return [
        list(aval.shape),
        aval.dtype.name,
        bool(getattr(aval, "weak_type", False)),
        getattr(leaf, "committed", False),
    ]
