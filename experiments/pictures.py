"""The pictures of the documents, made by the documents' own code: ``python -m experiments.pictures``."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("tutorial", "guide", "gallery")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Run the blocks of the pages with pictures in an empty folder, and take over what they saved."""
    matplotlib.use("Agg")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("runs").mkdir()
            for page in PAGES:
                world = {"__name__": page}
                for code in BLOCK.findall((DOCS / f"{page}.md").read_text()):
                    exec(compile(code, f"{page}.md", "exec"), world)
            photograph(Path("runs/digits.html").resolve(), Path("runs/report.png").resolve())
            for picture in sorted(Path("runs").glob("*.png")):
                shutil.copy(picture, DOCS / "pictures" / picture.name)
                print(picture.name)
        finally:
            os.chdir(before)


def photograph(page: Path, picture: Path) -> None:
    """A screenshot of the top of a page by headless Chromium; nothing where there is no such browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium: the picture of the report stays as it was")
        return
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000"]
    command = [browser, *options, "--window-size=1100,1500", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
