"""Compiled programs on the disk: a second process loads what the first one compiled, and traces nothing.

A file holds one program: the machine code that XLA made, with what is needed to call it. Nothing of it is unpickled.
Its key is all that the program depends on, in plain values: jbo's source files and what was replaced in memory, the
versions of Python, JAX and the other packages whose code is traced, the processor, JAX's settings and XLA's flags, the
function, and the structure, shapes and types of its arguments (not their numbers, which are data).

Only what is a function of that key is kept. So a program is kept only if its structure is made of plain values and of
classes and functions of jbo itself. A program that holds something of the user, such as a constraint, a class or a
kernel of their own, is compiled in each process: jbo can't know when such code has changed.

Machine code is run as it is read. So the folder must belong to the user and be closed to everybody else (mode 0700);
any other folder is left alone. A file is written beside its place and then moved there, and carries a checksum. What is
damaged, or can't be read or written, counts as missing: jbo compiles, and says so in the debug log only.
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
"""The environment variable: ``off``, or the name of the folder."""
_log = logging.getLogger("jbo")
_FORMAT = "jbo program 1\n"
_SUFFIX = ".program"
_NEW = "new-"
"""How the name of a file begins that is being written."""
_LONGEST_WRITE = 3600.0
"""Seconds after which a file that is being written is one whose writer was killed."""


def folder() -> Path | None:
    """Where programs are kept; None: nowhere.

    The environment variable ``JBO_CACHE`` names the folder, or says ``off``. The default is ``jbo/programs`` under
    ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    named = os.environ.get(VARIABLE, "")
    if named.strip().lower() == "off":
        return None
    try:
        if named:
            return Path(named).expanduser().absolute()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "jbo" / "programs"
    except (RuntimeError, OSError):  # nobody's home, or no working folder
        return None


class Files:
    """Files of a private folder by their keys: each is whole, or it is missing.

    Args:
      path: The folder; it is made if it is missing.
      max_bytes: Size of all files above which those go that were not used for longest.
    """

    def __init__(self, path: Path, max_bytes: int = 2**28):
        self._path, self._max_bytes = path, max_bytes

    def read(self, key: str) -> bytes | None:
        """The content that was written for a key; None if there is none, or a damaged one.

        Args:
          key: What it depends on.

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
        os.utime(path)  # when it was used
        return zlib.decompress(body)

    def write(self, key: str, content: bytes) -> None:
        """Keep the content for a key, and remove what exceeds the limit.

        Args:
          key: What it depends on.
          content: Replaces an earlier one.

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
            raise NotADirectoryError(f"{self._path} is no folder")
        if not hasattr(os, "getuid"):  # Windows, where the folders of a user are the user's
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
    """How the file of a key begins."""
    return _FORMAT.encode() + hashlib.sha256(key.encode()).digest()


class Place:
    """Where the program of one call is kept.

    Args:
      files: Hold it.
      key: All that it depends on.
      arguments: Of the call, flat.
      device: Where it runs.
    """

    def __init__(self, files: Files, key: str, arguments: list[Any], device: Any):
        self.files, self.key = files, key
        self._arguments, self._device = arguments, device

    def find(self) -> tuple[Packed | None, Any]:
        """The program that was kept, and the shapes and types of its result; None and None if there is none."""
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
        """The compiled program, a `jax.stages.Compiled` of the list of arguments; None if XLA does not take it.

        Args:
          packed: What `find` gave.
        """
        try:
            return unpack(packed, self._arguments, self._device)
        except Exception as error:
            _log.debug("the program was not loaded: %r", error)
            return None

    def pack(self, compiled: Any) -> Packed | None:
        """The program as bytes, to be made before its first run; None if it is not to be kept.

        Args:
          compiled: What the call was compiled to.
        """
        try:
            return pack(compiled, self._device)
        except Exception as error:
            _log.debug("the program is not kept: %r", error)
            return None

    def store(self, packed: Packed) -> None:
        """Keep a program.

        Args:
          packed: What `pack` gave.
        """
        try:
            self.files.write(self.key, json.dumps(packed.facts).encode() + b"\n" + packed.executable)
        except Exception as error:
            _log.debug("the program is not kept: %r", error)


def place(function: Any, arguments: tuple[Any, ...]) -> Place | None:
    """Where the program of a call is kept; None if it may not be kept, or nothing is.

    Args:
      function: What is compiled, in this context.
      arguments: What it is called with.
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
    """What a program knows of an argument."""
    if getattr(leaf, "committed", False) and leaf.devices() != {device}:
        raise NotPlain("an argument is held on another device")
    aval = jax.typeof(leaf)
    return [
        list(aval.shape),
        aval.dtype.name,
        bool(getattr(aval, "weak_type", False)),
        getattr(leaf, "committed", False),
    ]
