"""Settings that must not change between two calls with the same folder."""

import json
from pathlib import Path
from typing import Any

from experiments.report import write_json


def hold_settings(path: Path, settings: dict[str, Any]) -> None:
    """Save the settings at the first call and compare them at later calls, because a study has one objective.

    Raises:
      ValueError: The settings differ from those in the file; the message names them.
    """
    if not path.exists():
        write_json(path, settings)
        return
    held = json.loads(path.read_text())
    different = [name for name in settings if held.get(name) != settings[name]]
    if different:
        differences = ", ".join(f"{name}={held.get(name)!r}, got {settings[name]!r}" for name in different)
        raise ValueError(f"{path.parent} holds results with {differences}: choose another folder to start anew")
