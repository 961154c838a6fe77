"""What a user types, and what comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]
TABLE = ["problem=table", "problem.path=points.csv", "problem.inputs=[x,y]", "problem.outputs=[z]"]


def test_a_run_prints_its_errors_and_where_it_is(command: Command) -> None:
    code, out, err = command("train", *QUICK)
    assert (code, err) == (0, "")
    assert "poisson: gaussian, 16 centres, least_squares" in out
    for heading in ("relative L2", "maximum", "RMSE"):
        assert heading in out
    directory = Path(out.strip().splitlines()[-1])
    assert directory.parent == Path("runs/poisson")
    summary = json.loads((directory / "summary.json").read_text())
    assert f"{summary['errors']['rel_l2']:.3e}" in out


def test_the_working_directory_is_left_alone_but_for_the_run(command: Command) -> None:
    command("train", *QUICK)
    assert [p.name for p in Path.cwd().iterdir()] == ["runs"]


def test_any_group_and_key_is_overridden_by_name(command: Command) -> None:
    code, out, _ = command(
        "train", *QUICK, "kernel=matern", "kernel.nu=3.5", "solver=adam", "solver.max_epochs=2", "run_dir=here"
    )
    assert code == 0 and "matern" in out and "adam" in out
    assert "nu: 3.5" in Path("here/config.yaml").read_text()


def test_the_users_kernel_wins_over_the_one_a_problem_chooses(command: Command) -> None:
    code, out, _ = command("train", "problem=terrain", "kernel=matern", "problem.train=50", "problem.test=20", "figures=false")
    assert code == 0 and "terrain: matern, 50 centres" in out


def test_a_table_of_the_users_own(command: Command) -> None:
    rows = [(i / 7 % 1, i / 11 % 1) for i in range(77)]
    Path("points.csv").write_text("x,y,z\n" + "".join(f"{x},{y},{3 * x - y}\n" for x, y in rows))
    code, _out, err = command("train", *TABLE, "run_dir=run")
    assert (code, err) == (0, "")
    summary = json.loads(Path("run/summary.json").read_text())
    # All rows are fitted; a plane is in the tail of the thin plates.
    assert summary["centers"] == 77 and summary["errors_by"] == "leave-one-out"
    assert summary["errors"]["max_abs"] < 1e-10


def test_kernels_and_problems_from_files_in_the_working_directory(command: Command) -> None:
    Path("own_kernels.py").write_text(
        "import math\nimport torch\nfrom rbfnet import Kernel\n\n\nclass Mine(Kernel):\n    smoothness = math.inf\n\n"
        "    def __init__(self, beta=1.0):\n        super().__init__()\n        self.beta = beta\n\n"
        "    def phi(self, s):\n        return torch.exp(-self.beta * s)\n"
    )
    Path("own_problems.py").write_text(
        "import rbfnet\nfrom rbfnet.domains import Rectangle\nfrom rbfnet.problems import Dirichlet, Interior\n\n\n"
        "class Mine(rbfnet.Problem):\n    domain = Rectangle(x=(0, 1), y=(0, 1))\n\n"
        "    def conditions(self):\n        yield Interior(lambda u: u.laplacian())\n"
        "        yield Dirichlet(lambda x, y: x + y)\n\n"
        "    def exact(self, x, y):\n        return x + y\n"
    )
    own = [
        "kernel=custom",
        "kernel._target_=own_kernels.Mine",
        "+kernel.beta=2",
        "problem=custom",
        "problem._target_=own_problems.Mine",
    ]
    code, out, err = command("train", *own, "network.num_centers=60", "figures=false")
    assert code == 0 and "mine: mine, 60 centres" in out, err


def test_an_exception_in_the_users_own_code_keeps_its_traceback(command: Command) -> None:
    Path("raising_kernels.py").write_text(
        "import math\nfrom rbfnet import Kernel\n\n\nclass Mine(Kernel):\n    smoothness = math.inf\n\n"
        "    def phi(self, s):\n        raise ValueError('my own mistake')\n"
    )
    with pytest.raises(ValueError, match="my own mistake") as caught:
        command("train", "kernel=custom", "kernel._target_=raising_kernels.Mine")
    assert Path(caught.traceback[-1].path).name == "raising_kernels.py"


@pytest.mark.parametrize("flag", [["--config-dir", "mine"], ["--config-dir=mine"], ["-cd", "mine"]], ids=" ".join)
def test_a_config_of_the_users_own_needs_a_name_of_its_own(command: Command, flag: list[str]) -> None:
    Path("mine/kernel").mkdir(parents=True)
    Path("mine/kernel/matern.yaml").write_text("_target_: rbfnet.kernels.Gaussian\n")
    code, _out, err = command("train", *flag, "kernel=matern", *QUICK, "run_dir=run")
    assert code == 2 and not Path("run").exists()
    assert err.strip() == (
        "rbfnet: 'mine/kernel/matern.yaml' has the same name as a config shipped with rbfnet, which would be used instead; "
        "rename the file."
    )


def test_configs_of_the_users_own_overlay_the_shipped_ones(command: Command) -> None:
    Path("mine/kernel").mkdir(parents=True)
    Path("mine/kernel/rough.yaml").write_text("_target_: rbfnet.kernels.Matern\nnu: 3.5\n")
    code, _out, err = command("train", "--config-dir", "mine", "kernel=rough", *QUICK, "run_dir=run")
    assert code == 0, err
    assert "nu: 3.5" in Path("run/config.yaml").read_text()


def test_equations_as_text_give_the_errors_of_the_class(command: Command) -> None:
    equations = 'problem.equations=["lap(u) + f*sin(pi*x)*sin(pi*y)"]'
    exact = 'problem.exact="sin(pi*x)*sin(pi*y)"'
    for directory, choice in {
        "a": ["problem=poisson"],
        "b": ["problem=equations", exact],
        "c": ["problem=equations", exact, equations, "problem.parameters={f: 2*pi**2}"],
    }.items():
        code, _, err = command("train", *QUICK, *choice, f"run_dir={directory}")
        assert code == 0, err
    by_class, *by_text = (json.loads(Path(d, "summary.json").read_text())["errors"] for d in "abc")
    for errors in by_text:
        assert errors == pytest.approx(by_class, rel=1e-12)


def test_a_problem_of_the_users_own_without_python(command: Command) -> None:
    Path("mine/problem").mkdir(parents=True)
    Path("mine/problem/warm.yaml").write_text(
        "_target_: rbfnet.problems.Equations\ndomain: {_target_: rbfnet.domains.Rectangle, x: [0, 1], t: [0, 1]}\n"
        "equations: u_t = nu*u_xx\nparameters: {nu: 1/4}\nconditions:\n  - dirichlet: exp(-pi**2*t/4)*sin(pi*x)\n"
        "exact: exp(-pi**2*t/4)*sin(pi*x)\n"
    )
    code, out, err = command("train", "--config-dir", "mine", "problem=warm", "network.num_centers=100", "run_dir=run")
    assert code == 0, err
    assert json.loads(Path("run/summary.json").read_text())["errors"]["rel_l2"] < 1e-3
    assert "Heat" not in out and "equations" in out


def test_an_error_in_a_text_points_at_the_place(command: Command) -> None:
    code, out, err = command("train", "problem=equations", 'problem.equations=["u_t + uu*u_xx"]')
    assert (code, out) == (2, "")
    assert err == "rbfnet: There is no coordinate 't'; known: x, y.\n  u_t + uu*u_xx\n    ^\n"
    code, _, err = command("train", "problem=equations", 'problem.conditions=[{dirichlet: "sin(pi*x"}]')
    assert code == 2 and err.endswith("\n  sin(pi*x\n     ^\n")
    assert not list(Path.cwd().iterdir())


def test_a_sweep_is_one_run_each(command: Command) -> None:
    code, _out, _ = command("train", "--multirun", "kernel=gaussian,matern", *QUICK)
    assert code == 0
    assert len(list(Path("runs/multirun").glob("*/*/summary.json"))) == 2


WRONG = {
    "command": (["trian"], "There is no command 'trian'; did you mean 'train'?"),
    "no command": (
        ["kernel=matern"],
        "is an override, not a command; put it after a command, as in `rbfnet train kernel=matern`.",
    ),
    "option": (["train", "--multrun"], "There is no option '--multrun'; did you mean '--multirun'?"),
    "kernel": (["train", "kernel=gausian"], "There is no kernel 'gausian'; did you mean 'gaussian'?"),
    "problem": (["train", "problem=poison"], "There is no problem 'poison'; did you mean 'poisson'?"),
    "solver": (["train", "solver=lbgfs"], "There is no solver 'lbgfs'; did you mean 'lbfgs'?"),
    "group": (["train", "kernal=matern"], "There is no config key 'kernal'; did you mean 'kernel'?"),
    "key": (["train", "network.num_centres=9"], "did you mean 'network.num_centers'?"),
    "key of a chosen group": (["train", "kernel=matern", "kernel.mu=1.5"], "did you mean 'kernel.nu'?"),
    "added key": (["train", "+sed=1"], "There is no config key 'sed'; did you mean 'seed'?"),
    "no override": (["train", "poisson"], "'poisson' is not an override; write key=value"),
    "negative epsilon": (["train", "network.epsilon=-3"], "epsilon must be positive and finite, but got -3"),
    "NaN epsilon": (["train", "network.epsilon=nan"], "epsilon must be positive and finite, but got nan"),
    "too few centres": (["train", "network.num_centers=2", "network.degree=1"], "has 3 terms, more than the 2 centres"),
    "too few points": (["train", "problem=terrain", "problem.train=2", "network=default"], "2 points cannot determine"),
    "smoothness": (["train", "kernel=thin_plate_spline"], "has only 1 continuous derivatives at its centre"),
    "missing key": (["train", "problem=table"], "problem.path must be given, as in problem.path=..."),
    "no file": (["train", *TABLE, "problem.path=nowhere.csv"], "no file 'nowhere.csv'; here are: empty.csv, nan.csv"),
    "missing column": (["train", *TABLE, "problem.outputs=[w]"], "There is no column in 'points.csv' called 'w'; known: x, y, z"),
    "NaN cell": (["train", *TABLE, "problem.path=nan.csv"], "Row 2, column 'z' of 'nan.csv' holds 'nan'"),
    "text": (["train", *TABLE, "problem.path=text.csv"], "Row 1, column 'y' of 'text.csv' holds 'two'"),
    "no rows": (["train", *TABLE, "problem.path=empty.csv"], "'empty.csv' has a header but no rows"),
    "no module": (["train", "kernel=custom", "kernel._target_=nowhere.Mine"], "There is no module 'nowhere' for 'nowhere.Mine'"),
    "no class": (["train", "kernel=custom", "kernel._target_=rbfnet.kernels.Gausian"], "did you mean 'Gaussian'?"),
    "no kernel": (["train", "kernel=custom", "kernel._target_=rbfnet.problems.Poisson"], "Poisson is not a usable Kernel"),
    "no argument": (["train", "+kernel.beta=2"], "There is no argument of rbfnet.kernels.Gaussian called 'beta'"),
    "trainer": (["train", "trainer.max_epochs=-7"], "trainer.max_epochs must be a whole number of at least 1, but got -7"),
    "trainer key": (["train", "+trainer.max_epoch=7"], "did you mean 'max_epochs'?"),
    "trainer key of ours": (["train", "+trainer.precision=16"], "There is no option of the trainer called 'precision'"),
    "processes": (["train", "trainer=ddp", "solver=lbfgs"], "lbfgs runs in one process"),
    "clipping": (["train", "solver=lbfgs", "+trainer.gradient_clip_val=1"], "gradient_clip_val breaks lbfgs"),
    "number": (["train", "solver=adam", "solver.lr=abc"], "lr must be positive and finite, but got 'abc'"),
    "null": (["train", "network.epsilon=null"], "epsilon must be positive and finite, but got None"),
    "margin": (["train", "network.margin=-0.7"], "margin must be zero or positive"),
    "margin's word": (["train", "network.margin=wide"], "margin must be non-negative or 'auto', but got 'wide'"),
    "flag": (["train", "figures=maybe"], "figures must be true or false, but got 'maybe'"),
    "network key": (["train", "+network.overlap=2"], "There is no argument of the network called 'overlap'"),
    "points": (["train", "problem.num_interior=abc"], "must be a whole number of at least 1, but got 'abc'"),
    "terrain": (["train", "problem=terrain", "problem.train=200000"], "The terrain has 138632 points"),
    "share": (["train", *TABLE, "problem.test=abc"], "test must be a fraction below 1 or a whole number of rows, but got 'abc'"),
    "path": (["train", "run_dir=points.csv/x"], "The run directory 'points.csv/x' cannot be created"),
    "accelerator": (["train", "trainer.accelerator=foo"], "The Trainer cannot be set up with these options"),
    "group left out": (["train", "~kernel"], "The config lacks 'kernel'"),
    "logger": (["train", "logger._target_=foo.bar"], "foo"),
    "seed": (["train", "seed=many"], "seed must be a whole number"),
    "dtype": (["train", "dtype=float46"], "There is no dtype 'float46'; did you mean 'float64'?"),
    "list": (["list", "kernels"], "`rbfnet list` takes no arguments"),
    "stage": (["train", "solver=sequence", "solver.stages=[adam,lbgfs]"], "There is no solver 'lbgfs'; did you mean 'lbfgs'?"),
    "kernel of a sum": (["train", "kernel=sum", "kernel.kernels=[gausian]"], "There is no kernel 'gausian'"),
    "group of a key": (["train", "netwrk.num_centers=9"], "There is no config key 'netwrk'; did you mean 'network'?"),
    "key of another group": (["train", "kernel.epsilon=9"], "did you mean 'network.epsilon'?"),
    "key of a node": (["train", "network={num_centres: 9}"], "did you mean 'network.num_centers'?"),
    "trainer key unlike any": (["train", "trainer.precision=16"], "'trainer.precision'; known: trainer.accelerator, trainer"),
    "reference": (["train", "problem=equations", "problem.exact=nowhere.csv"], "no file 'nowhere.csv'; here are: empty.csv"),
    "mesh": (["train", "problem=equations", "problem.domain={_target_: rbfnet.domains.Mesh, path: a.msh}"], "no file 'a.msh'"),
    "choice left empty": (["train", "kernel="], "kernel takes one choice, as in kernel="),
    "callback": (["train", "callbacks=[grow,rda]"], "There is no callback 'rda'; did you mean 'rad'?"),
    "callback among callbacks": (
        ["train", "callbacks=grow", "+callbacks.mine._target_=a.Mine"],
        "choose several as in callbacks=[...,custom] callbacks.custom._target_=a.Mine.",
    ),
    "two that move points": (["train", "callbacks=[rad,r3]", "solver=adam"], "Only one callback may move the points of a run"),
    "key of one of several": (["train", "callbacks=[grow]", "+callbacks.add=3"], "as in callbacks.custom.add=..."),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2(command: Command, name: str) -> None:
    arguments, sentence = WRONG[name]
    files = {"points": "1,2,3", "nan": "1,2,3\n1,2,nan", "text": "1,two,3", "empty": ""}
    for stem, rows in files.items():
        Path(f"{stem}.csv").write_text(f"x,y,z\n{rows}\n")
    before = sorted(Path.cwd().iterdir())
    code, out, err = command(*arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1 and "Traceback" not in err
    assert out == ""
    if "--multirun" not in arguments:
        assert sorted(Path.cwd().iterdir()) == before


def test_a_run_directory_in_use_is_not_touched(command: Command) -> None:
    Path("run").mkdir()
    Path("run/precious").write_text("x")
    code, _, err = command("train", "run_dir=run")
    assert code == 2 and "already exists and is not empty" in err
    assert [p.name for p in Path("run").iterdir()] == ["precious"]


def test_list_names_every_choice_with_a_line_about_it(command: Command) -> None:
    from rbfnet.catalogue import catalogue

    code, out, _ = command("list")
    assert code == 0
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("  ")}
    shipped = {**catalogue("kernels", "Kernel"), **catalogue("solvers", "Solver"), **catalogue("problems", "Problem")}
    for name in shipped.keys() - {"data_problem"}:
        assert len(lines[name]) > 3


def test_help_is_there_for_each_command(command: Command) -> None:
    assert "rbfnet train problem=terrain" in command("--help")[1]
    assert command()[1] == command("--help")[1]
    assert command("--version")[1].count(".") == 2


def test_the_help_of_train_lists_groups_and_keys() -> None:
    script = str(Path(sys.executable).with_name("rbfnet"))
    done = subprocess.run([script, "train", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for part in ("kernel: auto, cubic, custom, gaussian", "num_centers: auto", "--multirun"):
        assert part in done.stdout


def test_help_is_quick() -> None:
    """Not timed: what makes it slow is importing, and nothing that takes long is imported."""
    code = "from rbfnet.cli.main import dispatch; dispatch(['--help']); dispatch(['list'])"
    code += "; import sys; print('modules', *sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = printed.splitlines()[-1].split()
    assert loaded[0] == "modules"
    assert not {"torch", "lightning", "hydra", "numpy", "matplotlib", "rich"} & set(loaded)
