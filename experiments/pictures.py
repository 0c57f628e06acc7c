"""The pictures of the documents, made by the documents' own code: ``python -m experiments.pictures``."""

import ast
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
    """Run the code blocks of the pages with pictures in an empty folder, and copy the pictures that they saved."""
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
            photograph(Path("runs/digits.html").resolve(), Path("runs/report.png").resolve(), (1100, 1500))
            Path("runs/notebook.html").write_text(as_notebook((DOCS / "notebook.md").read_text()))
            photograph(Path("runs/notebook.html").resolve(), Path("runs/notebook.png").resolve(), (900, 1400))
            for picture in sorted(Path("runs").glob("*.png")):
                shutil.copy(picture, DOCS / "pictures" / picture.name)
                print(picture.name)
        finally:
            os.chdir(before)


def as_notebook(text: str) -> str:
    """A dark page with the notebook outputs of the code blocks of a document, the study first."""
    world, shown = {"__name__": "notebook"}, []
    for code in BLOCK.findall(text):
        *before, last = ast.parse(code).body
        exec(compile(ast.Module(before, []), "notebook.md", "exec"), world)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "notebook.md", "eval"), world)._repr_html_())
        else:
            exec(compile(ast.Module([last], []), "notebook.md", "exec"), world)
    cells = "".join(f'<div style="margin:1em 0">{view}</div>' for view in shown[1:])
    return (
        f'<meta charset="utf-8"><body style="background:#111;color:#ddd;font:14px system-ui;margin:1em">{cells}</body>'
    )


def photograph(page: Path, picture: Path, size: tuple[int, int]) -> None:
    """Save a screenshot of the top of a page with headless Chromium; does nothing without this browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"no Chromium: {picture.name} stays as it was")
        return
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000"]
    command = [browser, *options, f"--window-size={size[0]},{size[1]}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
