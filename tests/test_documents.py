"""What README, CONTRIBUTING and the design say of the tree is true of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hatch_build import standalone

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("**/*.md"))))
PLACES = ("rbfnet/", "configs/", "scripts/", "tests/", "docs/", "notebooks/", ".ci/", ".github/")


def named(text: str) -> list[str]:
    """Paths in backticks that begin at the root of the repository."""
    words = (word for code in re.findall(r"`([^`\n]+)`", text) for word in code.split())
    return [word for word in words if word.startswith(PLACES) and not set(word) & set("*<{") and "mine" not in word]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_are_there(document: str) -> None:
    missing = [path for path in named((ROOT / document).read_text()) if not (ROOT / path).exists()]
    assert not missing


def test_the_map_has_every_package_and_no_other() -> None:
    rows = re.findall(r"^\| (`.+?) \|", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    mapped = {path.rstrip("/") for row in rows for path in re.findall(r"`(rbfnet/[\w/]+/)`", row)}
    packages = {str(file.parent.relative_to(ROOT)) for file in (ROOT / "rbfnet").glob("**/__init__.py")}
    assert mapped == packages - {"rbfnet", "rbfnet/problems/zoo/references"}


def test_sections_of_the_design_that_the_code_cites_are_there() -> None:
    design = (ROOT / "docs/design.md").read_text()
    sections = set(re.findall(r"^## (\d+)\. ", design, flags=re.MULTILINE))
    files = [file for place in ("rbfnet", "tests") for file in (ROOT / place).glob("**/*.py")]
    cited = [number for file in files for number in re.findall(r"docs/design\.md, section (\d+)", file.read_text())]
    assert len(cited) >= 5 and set(cited) <= sections
    assert set(re.findall(r"\(#(\d+)-", design)) == sections


def test_the_command_that_tests_is_the_same_everywhere() -> None:
    installs = "pip install {}-c constraints.txt -e '.[test]'"
    assert installs.format("--quiet ") in (ROOT / ".ci/run").read_text()
    for document in ("README.md", "CONTRIBUTING.md"):
        assert f"{installs.format('')} && pytest\n" in (ROOT / document).read_text()


def test_the_readme_of_the_package_index_has_no_links_that_would_be_dead_there() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = standalone(readme)
    assert re.findall(r"\]\((?!https://)", shown) == [] and "![" not in shown
    assert "git clone" in shown and "What sets it apart" in shown


def test_links_of_readme_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https://)([^)#]+)", (ROOT / "README.md").read_text())
    assert len(links) > 15 and not [link for link in links if not (ROOT / link).exists()]
