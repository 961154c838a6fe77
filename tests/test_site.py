"""The documentation is built without a warning, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.parse
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
