"""A notebook with a widget, served by Voila, in a browser: a slider is moved, and the picture changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.slow
BROWSER = shutil.which("chromium")
CODE = """
import numpy as np, rbfnet
x = np.linspace(0, 1, 30)
rbfnet.interactive.explore(x, np.sin(9 * x))
"""
SECONDS = 120
"""How long a kernel may take to start on a busy machine."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the notebook is served."""
    pytest.importorskip("voila", reason="Voila is not installed")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "explore.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "explore.ipynb", "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(SECONDS):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
def test_a_slider_moves_the_picture(address: str, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        page.goto(address, timeout=1000 * SECONDS)
        image, code = page.locator(".jupyter-widgets.widget-image"), page.locator("code")
        image.wait_for(timeout=1000 * SECONDS)
        assert code.inner_text() == "rbfnet.fit(x, y, kernel='gaussian')"
        before = _pixels(image)
        page.screenshot(path=str(tmp_path / "before.png"))
        handle = page.locator(".noUi-handle").first
        handle.focus()
        for _ in range(5):
            handle.press("ArrowRight")
        playwright.expect(code).to_contain_text("epsilon=", timeout=1000 * SECONDS)
        for _ in range(SECONDS):
            if _pixels(image) != before:
                break
            time.sleep(1)
        page.screenshot(path=str(tmp_path / "after.png"))
        assert _pixels(image) != before
        browser.close()


def _pixels(image: Any) -> bytes:
    """What is on the screen where the image is."""
    return image.screenshot()
