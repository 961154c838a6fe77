"""A built wheel, installed elsewhere, carries everything it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_package_configs_style_and_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {str(p.relative_to(ROOT)) for p in (ROOT / "rbfnet").glob("**/*.py")}
    configs = {f"rbfnet/{p.relative_to(ROOT)}" for p in (ROOT / "configs").glob("**/*.yaml")}
    assert {*package, *configs, "rbfnet/py.typed", "rbfnet/plots/rbfnet.mplstyle"} <= names
    assert not [name for name in names if name.startswith(("tests", "scripts", "configs/"))]


@pytest.mark.slow
def test_the_wheel_trains_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """A virtual environment that sees this one's packages, but has rbfnet from the wheel alone."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    here = next(p for p in sys.path if p.endswith("site-packages"))
    # The editable install of this environment must not be seen: only its other packages are.
    shared = tmp_path / "shared"
    shared.mkdir()
    for entry in Path(here).iterdir():
        if "rbfnet" not in entry.name and entry.suffix != ".pth":
            (shared / entry.name).symlink_to(entry)
    (site / "shared.pth").write_text(str(shared))
    work = tmp_path / "work"
    work.mkdir()
    code = "import rbfnet, sys; print(rbfnet.__file__); from rbfnet.cli.main import dispatch; sys.exit(dispatch(sys.argv[1:]))"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [str(home / "bin/python"), "-c", code, "train", "network.num_centers=100", "run_dir=run"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(home))
    assert (work / "run/summary.json").is_file() and (work / "run/figures/fit.png").is_file()
