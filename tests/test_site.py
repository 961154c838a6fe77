"""The documentation is built without a warning, and its links lead somewhere."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytest.importorskip("myst_nb", reason="the extra docs is not installed")


class Links(HTMLParser):
    """What a page links to, and what it can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if value and key in ("href", "src"):
                self.targets.add(value)
            elif value and key in ("id", "name"):
                self.names.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(out / "doctrees"), "docs", str(out / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.mark.slow
def test_links_and_anchors_lead_somewhere(site: Path) -> None:
    pages = {path: Links(path.read_text()) for path in site.glob("**/*.html")}
    assert len(pages) > 25
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            address = urllib.parse.urlsplit(target)
            if address.scheme or target.startswith("data:"):
                continue
            file = (page.parent / urllib.parse.unquote(address.path)).resolve() if address.path else page
            anchor = urllib.parse.unquote(address.fragment)
            if not file.exists() or (anchor and file.suffix == ".html" and file in pages and anchor not in pages[file].names):
                broken.append(f"{page.relative_to(site)}: {target}")
    assert not broken


@pytest.mark.slow
def test_links_to_elsewhere_are_addresses(site: Path) -> None:
    """By their form: nothing is fetched."""
    targets = {target for path in site.glob("**/*.html") for target in Links(path.read_text()).targets}
    outside = [urllib.parse.urlsplit(target) for target in targets if urllib.parse.urlsplit(target).scheme not in ("", "data")]
    assert outside
    wrong = [a.geturl() for a in outside if a.scheme != "https" or "." not in (a.hostname or "") or re.search(r"\s", a.geturl())]
    assert not wrong


@pytest.mark.slow
def test_no_page_needs_another_site(site: Path) -> None:
    """Scripts, styles, pictures and formulas are files of the site."""
    loaded = [
        found
        for path in site.glob("**/*.html")
        for found in re.findall(r"""<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)""", path.read_text())
    ]
    assert not loaded


@pytest.mark.slow
def test_every_public_name_has_an_entry(site: Path) -> None:
    import rbfnet

    text = "".join(path.read_text() for path in (site / "api").glob("*.html"))
    names = set(re.findall(r'id="rbfnet\.\w+\.(\w+)"', text))
    assert set(rbfnet.__all__) - {"__version__"} <= names


@pytest.mark.slow
def test_notebooks_are_pages(site: Path) -> None:
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == {p.stem for p in (site / "notebooks").glob("*.html")}


# -- in a browser --------------------------------------------------------------------------------------------------------------

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)

LOOK = """<!doctype html><body><pre id="out"></pre><script>
(async () => {
  const found = {};
  for (const page of PAGES) {
    const frame = document.createElement("iframe");
    frame.style = "width: WIDTHpx; height: 800px";
    frame.src = page;
    document.body.append(frame);
    await new Promise(done => frame.onload = done);
    const inside = frame.contentDocument, edge = inside.documentElement.clientWidth + 1;
    const beyond = x => x.getBoundingClientRect().right > edge && !x.closest("pre, .formula, .table-wrapper");
    found[page] = {
      words: inside.querySelector("article").innerText.length,
      beyond: [...inside.querySelectorAll("article *")].filter(beyond).map(x => x.outerHTML.slice(0, 80)),
      pictures: [...inside.querySelectorAll("article img")].filter(x => !x.naturalWidth).map(x => x.src),
      formulas: [...inside.querySelectorAll("math")].filter(x => !x.getBoundingClientRect().height).length,
    };
    frame.remove();
  }
  document.getElementById("out").textContent = JSON.stringify(found);
})();
</script>"""
"""Opens pages one after the other in a frame of some width, and tells what is wrong with them.

Code, formulas and tables may be wider than the window, as they scroll."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_the_screen_of_a_browser(width: int, site: Path, address: str, tmp_path: Path) -> None:
    """Of a phone and of a desktop: nothing is wider than the window, pictures are shown and formulas are drawn."""
    pages = sorted(str(path.relative_to(site)) for path in site.glob("**/*.html") if path.name != "search.html")
    (site / "look.html").write_text(LOOK.replace("PAGES", json.dumps(pages)).replace("WIDTH", str(width)))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--virtual-time-budget=100000"]
    try:
        command = [str(BROWSER), *options, "--dump-dom", f"{address}/look.html"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    finally:
        (site / "look.html").unlink()
    (told,) = re.findall(r'<pre id="out">(.+?)</pre>', shown)
    looks = json.loads(told)
    assert set(looks) == set(pages) and len(pages) > 25
    wrong = {page: look for page, look in looks.items() if look["beyond"] or look["pictures"] or look["formulas"]}
    assert not wrong and min(look["words"] for look in looks.values()) > 0
    assert "<math" in (site / "mathematics.html").read_text()
