"""Run directories: what is in them, and what can be had back from them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.shipped_configs import config_directory
from rbfnet.training import build


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", *overrides])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


QUICK = {
    "problem": ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16"],
    "terrain": ["problem=terrain", "problem.train=60", "problem.validation=10", "problem.test=20"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "poisson"
    build(composed(directory, *QUICK["problem"], "solver=adam", "solver.max_epochs=12", "kernel=matern")).execute()
    return directory


def test_a_run_directory_holds_everything_and_nothing_else(run: Path) -> None:
    assert sorted(p.name for p in run.iterdir()) == [
        "checkpoints", "config.yaml", "figures", "metrics.csv", "model.safetensors", "summary.json",
    ]  # fmt: skip
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert sorted(p.name for p in (run / "figures").iterdir()) == [
        "centers.png", "convergence.png", "error.png", "fit.png", "overview.png", "reference.png",
    ]  # fmt: skip


def test_the_summary_says_what_was_run(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    expected = {"problem": "poisson", "kernel": "matern", "solver": "adam", "seed": 0, "centers": 16, "epochs": 12}
    assert expected.items() <= summary.items()
    # Weights, centres in two dimensions, one shape parameter.
    assert summary["parameters"] == 16 + 32 + 1
    assert set(summary["errors"]) == {"rel_l2", "max_abs", "rmse", "rel_std"}
    assert summary["format_version"] == 2
    assert summary["seconds"] > 0 and summary["loss"] > 0


def test_the_config_is_resolved_and_builds_the_same_run_again(run: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert "${" not in (run / "config.yaml").read_text()
    assert config["trainer"]["max_epochs"] == 12
    again = build({**config, "run_dir": str(tmp_path / "again"), "logger": None}).execute()
    assert torch.equal(again.model.weight, rbfnet.load(run).weight)


def test_metrics_have_a_row_an_epoch(run: Path) -> None:
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert len(losses) == 12
    assert losses[-1] < losses[0]
    assert {"loss/interior", "loss/dirichlet", "val/rel_l2", "epoch", "step"} <= set(rows[0])


def test_the_checkpoint_can_be_loaded_without_unpickling_anything(run: Path) -> None:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["config"]["problem"]["_target_"] == "rbfnet.problems.Poisson"
    assert checkpoint["global_step"] == 12
    assert torch.equal(checkpoint["state_dict"]["model.weight"], rbfnet.load(run).weight.detach())


def test_load_gives_the_model_back_bit_for_bit(tmp_path: Path) -> None:
    for name, overrides in {
        "a": QUICK["problem"],
        "b": [*QUICK["problem"], "network.per_center=true", "network.degree=1"],
        "c": QUICK["terrain"],
    }.items():
        solution = build(composed(tmp_path / name, *overrides, "figures=false")).execute()
        model = rbfnet.load(tmp_path / name)
        x = solution.problem.domain.grid(50)
        assert torch.equal(model(x), solution.model(x))
        assert torch.equal(model.centers, solution.model.centers)
        assert not model.training


def test_load_never_reads_the_training_data(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "".join(f"{i / 20},{i * i}\n" for i in range(20)))
    table = [f"problem.path={file}", "problem.inputs=[a]", "problem.outputs=[b]"]
    build(composed(tmp_path / "run", "problem=table", *table, "figures=false")).execute()
    file.unlink()
    assert rbfnet.load(tmp_path / "run")(torch.tensor([[0.5]], dtype=torch.float64)).shape == (1, 1)


def test_solving_steps_count_as_steps_of_lightning(tmp_path: Path) -> None:
    build(composed(tmp_path / "run", *QUICK["problem"], "figures=false")).execute()
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 1


def test_a_run_never_overwrites(run: Path) -> None:
    with pytest.raises(ValueError, match="already exists and is not empty; choose another by run_dir="):
        build(composed(run))


def test_nothing_is_written_where_a_run_cannot_be_built(tmp_path: Path) -> None:
    for wrong in ("network.epsilon=-3", "kernel=thin_plate_spline", "dtype=float16", "seed=-1", "solver=adam solver.lr=0"):
        with pytest.raises(ValueError):
            build(composed(tmp_path / "run", *wrong.split()))
    assert not (tmp_path / "run").exists()


def altered(run: Path, copy: Path, change: dict[str, Any]) -> Path:
    copy.mkdir()
    config = yaml.safe_load((run / "config.yaml").read_text())
    (copy / "config.yaml").write_text(yaml.safe_dump({**config, **change}))
    (copy / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    return copy


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.load",
        "rbfnet.kernels.ladder",
        "rbfnet.kernels._gaussian.torch.load",
        "rbfnet.kernels.Kernel",
        "my_kernels.Mine",
    ],
)
def test_a_kernel_from_elsewhere_is_not_made(run: Path, tmp_path: Path, target: str) -> None:
    with pytest.raises(ValueError, match="is not part of rbfnet; if that code is yours, load with trust="):
        rbfnet.load(altered(run, tmp_path / "copy", {"kernel": {"_target_": target}}))


def test_a_kernel_of_the_users_own_is_made_where_its_module_is_trusted(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trusted_kernels.py").write_text(
        "import math\nfrom rbfnet import Kernel\n\n\nclass Mine(Kernel):\n    smoothness = math.inf\n\n"
        "    def phi(self, s):\n        return 1 / (1 + s)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    copy = altered(run, tmp_path / "copy", {"kernel": {"_target_": "trusted_kernels.Mine"}})
    assert type(rbfnet.load(copy, trust=["trusted_kernels"]).kernel).__name__ == "Mine"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda d: (d / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda d: (d / "model.safetensors").write_bytes(b"no"), "cannot be read"),
        (lambda d: (d / "config.yaml").write_text("a: [1"), "cannot be read"),
        (lambda d: (d / "config.yaml").write_text("a: 1"), "lacks its kernel or network"),
        (
            lambda d: (d / "config.yaml").write_text((d / "config.yaml").read_text().replace("degree: null", "degree: 1")),
            "do not fit",
        ),
    ],
)
def test_a_run_that_is_damaged_is_refused_in_one_sentence(run: Path, tmp_path: Path, damage: Any, sentence: str) -> None:
    copy = altered(run, tmp_path / "copy", {})
    (copy / "config.yaml").write_text((run / "config.yaml").read_text())
    damage(copy)
    with pytest.raises(ValueError, match=sentence):
        rbfnet.load(copy)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no run in"):
        rbfnet.load(tmp_path / "nowhere")


EXPERIMENTS = config_directory() / "experiment"


@pytest.mark.parametrize(
    "experiment", sorted(str(p.relative_to(EXPERIMENTS).with_suffix("")) for p in EXPERIMENTS.rglob("*.yaml"))
)
def test_every_experiment_builds(experiment: str, tmp_path: Path) -> None:
    assert build(composed(tmp_path / "run", f"experiment={experiment}")).model.num_centers > 1


HOSTILE = {
    "a call in an argument": {
        "_target_": "rbfnet.kernels.Matern",
        "nu": {"_target_": "pathlib.Path.write_text", "self": "x", "data": ""},
    },
    "a list in an argument": {"_target_": "rbfnet.kernels.Matern", "nu": [1.5]},
    "a call in a list": {
        "_target_": "rbfnet.kernels.Sum",
        "kernels": ["gaussian", [{"a": {"_target_": "os.system"}}]],
    },
    "the environment": {"_target_": "rbfnet.kernels.Matern", "nu": "${oc.env:HOME}"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_arguments_from_elsewhere_are_plain_values_and_are_not_resolved(run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        rbfnet.load(altered(run, tmp_path / "copy", {"kernel": HOSTILE[name]}))
    assert str(Path.home()) not in str(caught.value)
    refusals = ("must be a plain value", "nu = 0.5, 1.5", "'pathlib.Path.write_text', which is not part of rbfnet")
    assert any(refusal in str(caught.value) for refusal in refusals)


def _sum(*kernels: Any) -> dict[str, Any]:
    return {"_target_": "rbfnet.kernels.Sum", "kernels": list(kernels)}


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.system", "command": "true"},
        {"_target_": "torch.load", "f": "x"},
        {"_target_": "rbfnet.kernels.Kernel"},
        {"_target_": "rbfnet.problems.Poisson"},
        {"_target_": "my_kernels.Mine"},
    ],
    ids=lambda node: node["_target_"],
)
@pytest.mark.parametrize("depth", [1, 3])
def test_a_nested_kernel_from_elsewhere_is_not_made(run: Path, tmp_path: Path, node: dict[str, Any], depth: int) -> None:
    for _ in range(depth):
        node = _sum("gaussian", node)
    scaled = {"_target_": "rbfnet.kernels.Scaled", "kernel": node}
    with pytest.raises(ValueError, match="is not part of rbfnet; if that code is yours, load with trust="):
        rbfnet.load(altered(run, tmp_path / "copy", {"kernel": scaled}))


def test_a_config_from_elsewhere_cannot_grow_without_bound(run: Path, tmp_path: Path) -> None:
    node: dict[str, Any] = _sum("gaussian", "matern")
    for _ in range(40):
        # The same object twice is an alias in YAML: forty lines that stand for 2^40 kernels.
        node = _sum(node, node)
    with pytest.raises(ValueError, match="at most 64 nodes and lists"):
        rbfnet.load(altered(run, tmp_path / "copy", {"kernel": node}))
    endless: dict[str, Any] = _sum("gaussian")
    endless["kernels"].append(endless)
    with pytest.raises(ValueError, match="at most 64 nodes and lists"):
        rbfnet.load(altered(run, tmp_path / "other", {"kernel": endless}))


def test_a_sum_of_kernels_is_composed_trained_and_loaded(tmp_path: Path) -> None:
    scaled = "{_target_:rbfnet.kernels.Scaled,kernel:{_target_:rbfnet.kernels.Matern,nu:3.5},trainable:true}"
    members = f"kernel.kernels=[gaussian,{scaled}]"
    build(composed(tmp_path / "run", *QUICK["problem"], "kernel=sum", members, "figures=false")).execute()
    kernel = rbfnet.load(tmp_path / "run").kernel
    assert repr(kernel) == "Sum(Gaussian(), Scaled(Matern(nu=3.5), amplitude=1, shape=1))"


def test_nodes_in_the_users_own_config_are_kernels_too(tmp_path: Path) -> None:
    members = "kernel.kernels=[gaussian,{_target_:pathlib.Path}]"
    with pytest.raises(ValueError, match=r"pathlib.Path is not a usable Kernel"):
        build(composed(tmp_path / "run", "kernel=sum", members))


def test_a_run_that_fails_before_its_first_step_leaves_nothing(tmp_path: Path) -> None:
    class Fails(torch.nn.Module):
        pass

    run = build(composed(tmp_path / "run", *QUICK["problem"]))
    run.prepared.module.solver = Fails()  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        run.execute()
    assert not (tmp_path / "run").exists()


def test_outputs_with_any_name_have_their_figures(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("$a^$,m/s,b c,$$\n" + "".join(f"{i / 20},{i * i},{i},{-i}\n" for i in range(20)))
    table = [f"problem.path={file}", "problem.inputs='$a^$'", "problem.outputs=['m/s','b c','$$']", "problem.test=4"]
    build(composed(tmp_path / "run", "problem=table", *table)).execute()
    assert (tmp_path / "run/figures/fit_m_s.png").is_file() and (tmp_path / "run/figures/error_b_c.png").is_file()


@pytest.mark.parametrize("key", ["trainer", "kernel", "seed"])
def test_a_config_that_lacks_a_part_is_refused(tmp_path: Path, key: str) -> None:
    config = composed(tmp_path / "run")
    del config[key]
    with pytest.raises(ValueError, match=f"The config lacks '{key}'"):
        build(config)


def test_processes_get_as_many_points_each() -> None:
    from rbfnet.training._data_module import _share

    for rows, world in ((7, 2), (1, 2), (6, 3), (5, 3)):
        shares = [_share(rows, rank, world) for rank in range(world)]
        assert len({len(share) for share in shares}) == 1
        assert set(torch.cat(shares).tolist()) == set(range(rows))
