"""Mistakes on the command line: a wrong name, a wrong kind of value, a value out of range, a combination that does not work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Told = Callable[..., None]

SMALL = ["network.num_centers=30", "problem.num_interior=60", "problem.num_boundary=20"]

# What is typed after `rbfnet train`, and what the sentence has in it: what is wrong, and what would work.
NUMBERS: dict[str, str] = {
    "seed=a": "seed must be a whole number from 0 .* got 'a'",
    "seed=-1": "from 0 to .* got -1",
    "seed=1.5": "whole number .* got 1.5",
    "seed=true": "whole number .* got True",
    "seed=4294967296": "2.32 - 1, but got 4294967296",
    "accuracy=0": "positive and finite, but got 0",
    "accuracy=abc": "positive and finite, but got 'abc'",
    "accuracy=1e300": "between 1e-250 and 1e.250, but got 1e.300",
    "accuracy=2": "relative and must be at most 1, as in 1e-3, but got 2",
    "network.num_centers=0": "num_centers must be a whole number of at least 1, but got 0",
    "network.num_centers=2.5": "whole number of at least 1, but got 2.5",
    "network.num_centers=many": "whole number of at least 1, but got 'many'",
    "network.num_centers=1e12": "num_centers must be at most [0-9,]+, but got 1000000000000",
    "network.num_centers=[3]": r"whole number of at least 1, but got \[3\]",
    "network.num_centers=null": "num_centers must be given to place centres by 'halton'",
    "network.epsilon=0": "epsilon must be positive and finite, but got 0",
    "network.epsilon=nan": "epsilon must be positive and finite, but got nan",
    "network.epsilon=1e-300": "between 1e-250 and 1e.250, but got 1e-300",
    "network.epsilon=1e-200": "between 1e-154 and 1e.154 in torch.float64, but got 1e-200",
    "network.epsilon=wide": "epsilon must be a positive number, .* or 'auto', but got 'wide'",
    "network.epsilon=1/0": "epsilon must be a positive number, .* or 'auto', but got '1/0'",
    "network.degree=-2": "degree of the polynomial tail must be -1 .no tail., 0, 1, ..., but got -2",
    "network.degree=1.5": "must be -1 .no tail., 0, 1, ..., but got 1.5",
    "network.margin=-1": "margin must be zero or positive, and finite, but got -1",
    "network.margin=1e5": "a fraction of each side, at most 1000, but got 100000",
    "network.margin=some": "margin must be non-negative or 'auto', but got 'some'",
    "problem.num_interior=0": "num_interior must be a whole number of at least 1, but got 0",
    "problem.num_interior=1e300": "num_interior must be at most [0-9,]+, but got",
    "problem.num_interior=abc": "num_interior must be a whole number of at least 1, but got 'abc'",
    "problem.num_boundary=true": "num_boundary must be a whole number of at least 1, but got True",
    "problem.num_boundary=-3": "whole number of at least 1, but got -3",
    "trainer.max_epochs=0": "trainer.max_epochs must be a whole number of at least 1, but got 0",
    "trainer.max_epochs=-1": "whole number of at least 1, but got -1",
    "trainer.check_val_every_n_epoch=0.5": "check_val_every_n_epoch must be a whole number of at least 1, but got 0.5",
    "trainer.log_every_n_steps=never": "log_every_n_steps must be a whole number of at least 1, but got 'never'",
    "trainer.gradient_clip_val=-1": "trainer.gradient_clip_val must be positive and finite, but got -1",
    "trainer.gradient_clip_val=nan": "gradient_clip_val must be positive and finite, but got nan",
    "trainer.gradient_clip_val=[1]": r"gradient_clip_val must be positive and finite, but got \[1\]",
}
FLAGS: dict[str, str] = {
    "figures=maybe": "figures must be true or false, but got 'maybe'",
    "figures=1": "figures must be true or false, but got 1",
    "network.per_center=2": "per_center must be true or false, but got 2",
    "network.trainable_centers=null": "trainable_centers must be true or false, but got None",
    "network.trainable_epsilon=perhaps": "trainable_epsilon must be true or false, but got 'perhaps'",
    "network.compiled=[]": r"compiled must be true or false, but got \[\]",
    "trainer.deterministic=foo": "trainer.deterministic must be true or false, but got 'foo'",
    "trainer.detect_anomaly=3": "trainer.detect_anomaly must be true or false, but got 3",
}
NAMES: dict[str, str] = {
    "kernel=gausian": "no kernel 'gausian'; did you mean 'gaussian'",
    "kernel=0.5": "kernel takes one choice, as in kernel=.*, but got kernel=0.5",
    "kernel=[gaussian]": r"kernel takes one choice, .* but got kernel=\[gaussian\]",
    "kernel={}": "kernel takes one choice, .* but got kernel={}",
    "kernel=null": "config lacks 'kernel'",
    "solver=newton": "no solver 'newton'",
    "problem=poison": "no problem 'poison'; did you mean 'poisson'",
    "experiment=nothing": "no experiment 'nothing'",
    "callbacks=[rad,rad]": r"takes names, each once, .* but got callbacks=\[rad,rad\]",
    "callbacks=3": "callbacks takes one choice, .* but got callbacks=3",
    "trainer=tpu": "no trainer 'tpu'",
    "dtype=float46": "no dtype 'float46'; did you mean 'float64'",
    "dtype=[float64]": "no dtype .*float64",
    "network.centers=haltom": "no initialiser of centres 'haltom'; did you mean 'halton'",
    "network.centers=3": "a tensor .M, 2. or the name of an initialiser, but got 3",
    "network.metric=round": "no metric 'round'; known: diagonal, full, isotropic",
    "network.metric=[full]": r"no metric .*full",
    "problem.sampler=hallton": "no sampler 'hallton'; did you mean 'halton'",
    "problem.sampler=[halton]": r"sampler of .* must be a string, but got \['halton'\]",
    "problem.sampler=3": "sampler of .* must be a string, but got 3",
    "trainer.accelerator=[cpu]": r"trainer.accelerator is a name, such as cpu, but got \['cpu'\]",
    "trainer.accelerator=quantum": "quantum",
    "trainer.strategy=3": "trainer.strategy is a name, such as auto, but got 3",
    "trainer.strategy=none": "none",
    "trainer.profiler=fast": "no trainer.profiler 'fast'; known: advanced, pytorch, simple",
    "trainer.profiler=true": "no trainer.profiler 'True'",
    "trainer.gradient_clip_algorithm=nrm": "no trainer.gradient_clip_algorithm 'nrm'; did you mean 'norm'",
    "trainer.gradient_clip_algorithm=2": "no trainer.gradient_clip_algorithm '2'; known: norm, value",
    "+trainer.max_time=5": "a time as days:hours:minutes:seconds, such as '00:01:30:00', but got 5",
    "trainer.max_time=soon": "a time as days:hours:minutes:seconds, .* but got 'soon'",
    "trainer.max_time=1:2": "a time as days:hours:minutes:seconds, .* but got",
    "kernel._target_=5": "_target_.*5",
    "kernel._target_=gaussian": "gaussian",
    "kernel._target_=os.system": "no class in 'os' called 'system'",
    "kernel._target_=rbfnet.kernels.Gausian": "Gausian.*did you mean 'Gaussian'",
    "kernel._target_=rbfnet.domains.Disc": "rbfnet.domains.Disc is not a usable Kernel",
    "kernel._target_=nowhere.Mine": "no module 'nowhere'",
    "kernel._target_=..": r"'\.\.'",
    "kernel._target_=''": "no module '' for ''",
    "problem._target_=rbfnet.problems.Problem": "not a usable Problem",
    "solver._target_=collections.OrderedDict": "OrderedDict is not a usable Solver",
    "logger._target_=os.getcwd": "no class in 'os' called 'getcwd'",
    "logger.save_dir=[a]": r"logger.save_dir must be a string, but got \['a'\]",
    "logger.name={a: 1}": "logger.name must be a string, but got {'a': 1}",
}
KEYS: dict[str, str] = {
    "netwrok.num_centers=3": "no config key 'netwrok'; did you mean 'network'",
    "network.num_centres=3": "did you mean 'network.num_centers'",
    "+kernel.beta=2": "no argument of rbfnet.kernels.Gaussian called 'beta'",
    "+trainer.precision=16": "no option of the trainer called 'precision'",
    "+nothing=3": "no config key 'nothing'",
    "~seed": "lacks 'seed'",
    "network=3": "network takes one choice, .* but got network=3",
    "solver.schedule=[a]": "solver=auto takes no arguments; choose solver=adam to set solver.schedule",
    "solver.shedule=[a]": "no solver has one called 'shedule'",
    "num_centers=3": "did you mean 'network.num_centers'",
    "run_dir=''": "run_dir must be a path, but got ''",
    "run_dir='  '": "run_dir must be a path, but got '  '",
    f"run_dir={'a' * 300}": "names of at most 255 characters, but got 'aaa",
    f"problem.path={'a' * 300}": "no config key 'problem.path'",
    "seed": "'seed' is not an override; write key=value",
    "=3": "'=3' is not an override",
    "seed=": "seed must be a whole number",
    "seed=1,2": "add --multirun for one run each",
    "seed=(": "seed must be a whole number|cannot be read",
    "seed=[1": "unbalanced bracket or quotation mark",
    "seed=${nothing}": "seed does not resolve: .*nothing",
    "--nothing": "no option '--nothing'",
    "--cfg": "--cfg takes one of job, hydra, all",
    "--cfg=jobs": "--cfg takes one of job, hydra, all, .* but got 'jobs'",
    "--config-dir": "--config-dir takes a directory",
    "--config-dir=nowhere": "there is no directory 'nowhere'",
    f"--config-dir={'a' * 300}": "there is no directory 'aaa",
    "--info=nothing": "--info takes one of .* but got 'nothing'",
    "--resolve": "--resolve changes what --cfg shows",
    "--multirun=3": "--multirun takes no value, but got '3'",
    "hydra.run.dir=here": "give run_dir=here",
    "hydra.mode=MULTIRUN": "give --multirun",
}


@pytest.mark.parametrize("typed", [*NUMBERS, *FLAGS, *NAMES, *KEYS], ids=lambda typed: typed[:50])
def test_one_argument_is_wrong(told: Told, typed: str) -> None:
    told(["train", *SMALL, typed], (NUMBERS | FLAGS | NAMES | KEYS)[typed])


BILLION = "1000000000"
TOGETHER: dict[str, str] = {
    "solver=least_squares solver.level=1": "damping finds its level itself, but got level=1",
    "solver=least_squares solver.tolerance=-1": "tolerance must be positive and finite, but got -1",
    "solver=least_squares solver.tolerance=inf": "tolerance must be positive and finite, but got inf",
    "solver=least_squares solver.smoothing=little": "non-negative number, .* or 'auto', but got 'little'",
    "solver=least_squares solver.smoothing=-1": "smoothing must be zero or positive, and finite, but got -1",
    "solver=least_squares solver.regularization=none": "no regularization 'none'",
    "solver=least_squares solver.regularization={a:1}": "no regularization .*'a': 1",
    "solver=adam solver.schedule=[a]": r"no schedule .*\['a'\].*known: constant, cosine, exponential",
    "solver=adam solver.schedule=cosin": "did you mean 'cosine'",
    "solver=adam solver.lr=fast": "lr must be positive and finite, but got 'fast'",
    "solver=adam solver.lr=0": "lr must be positive and finite, but got 0",
    "solver=adam solver.warmup=5000": "warmup must be below max_epochs, here 2000, but got 5000",
    "solver=adam solver.batch_size=0": "batch_size must be a whole number of at least 1, but got 0",
    "solver=adam solver.resample=maybe": "resample must be true or false, but got 'maybe'",
    "solver=adam solver.balance=equal": "no balance 'equal'",
    "solver=adam solver.balance=[a]": r"balance must be null, a name or a Balance, but got \['a'\]",
    "solver=adam solver.max_epochs=1e10": "max_epochs must be at most 1,000,000,000, but got",
    "solver=lbfgs solver.history_size=-1": "history_size must be a whole number of at least 1, but got -1",
    "solver=lbfgs trainer.gradient_clip_val=1": "gradient_clip_val breaks lbfgs",
    "solver=sequence solver.stages=[{a: 1}]": "name of one, as in 'adam', but got {'a': 1}",
    "solver=sequence solver.stages=[3]": "name of one, as in 'adam', but got 3",
    "solver=sequence solver.stages=[]": "at least one solver, but is empty",
    "solver=sequence solver.stages=adam": "a list of solvers, as in .*, but got 'adam'",
    "solver=sequence solver.stages=[adam,lbgfs]": "did you mean 'lbfgs'",
    "solver=gauss_newton solver.continuation=abc": "continuation of GaussNewton must be values by name, .* but got 'abc'",
    "solver=gauss_newton solver.continuation={mu: many}": "a list of numbers for 'mu', .* but got 'many'",
    "solver=gauss_newton solver.continuation={mu: [1]}": "no number to continue in Poisson called 'mu'",
    "solver=gauss_newton solver.slabs=0": "slabs must be a whole number of at least 1, but got 0",
    "solver=gauss_newton solver.shapes=1": "shapes must be true or false, but got 1",
    "solver=evolve": "needs a SpaceTime domain, but the domain of Poisson is",
    "kernel=matern kernel.nu=2": "nu.* 2",
    "kernel=matern kernel.nu=a": "nu.*'a'",
    "kernel=wendland kernel.continuity=3": "continuity 0, 2, 4 or 6, but got 3",
    "kernel=polyharmonic kernel.degree=0": "degree must be a whole number of at least 1, but got 0",
    "kernel=generalized_multiquadric kernel.exponent=1": "exponent must be negative, or positive and not",
    "kernel=rational_quadratic kernel.alpha=-1": "alpha must be positive and finite, but got -1",
    "kernel=rational_quadratic kernel.trainable=3": "trainable must be true or false, but got 3",
    "kernel=sum": "kernel.kernels must be given",
    "kernel=sum kernel.kernels=gaussian": "a list of kernels, as .*, but got 'gaussian'",
    "kernel=sum kernel.kernels=[gaussian]": "at least two kernels, but got 1",
    "kernel=sum kernel.kernels=[3,4]": "a Kernel, a name or a function of s, but got 3",
    "kernel=scaled kernel.kernel=gaussian kernel.amplitude=0": "amplitude must be positive and finite, but got 0",
    "callbacks=rad callbacks.pool=0 solver=adam": "pool must be a whole number of at least 1, but got 0",
    "callbacks=rad callbacks.pool=1e8 solver=adam": "pool must be at most 1,000, but got",
    "callbacks=rad callbacks.k=-1 solver=adam": "k must be positive and finite, but got -1",
    "callbacks=[rad,r3] solver=adam": "Only one callback .* remove one",
    "callbacks=grow callbacks.add=0 solver=gauss_newton network.per_center=true": "add must be positive and finite, but got 0",
    "logger=custom": "no logger 'custom'",
    # More than any machine has room for.
    f"problem.num_interior={BILLION}": "num_interior must be at most",
    f"problem.num_boundary={BILLION}": "num_boundary must be at most",
    f"network.num_centers={BILLION}": "network.num_centers must be at most",
    f"callbacks=grow callbacks.candidates={BILLION}": "candidates must be at most",
    f"solver=adam callbacks=rad callbacks.pool={BILLION}": "pool must be at most",
    "solver=lbfgs solver.history_size=1000000000000": "history_size must be at most",
    "network.num_centers=400 network.degree=3000": (
        "more terms than there are centres, 400; use at most 399 in one dimension, 26 in two, 11 in three"
    ),
    "network.num_centers=400 network.degree=100": (
        "has 5151 terms, more than the 400 centres; use at least 5151 centres, or a degree of at most 26"
    ),
    "kernel=matern kernel.nu=1000000.5": "A Matern kernel needs nu of at most 150.5",
}


@pytest.mark.parametrize("typed", TOGETHER)
def test_arguments_that_are_wrong_together(told: Told, typed: str) -> None:
    told(["train", *SMALL, *[part.strip() for part in _split(typed)]], TOGETHER[typed])


def _split(typed: str) -> list[str]:
    """At the spaces before a key: those within braces belong to a value."""
    parts: list[str] = []
    for word in typed.split(" "):
        if "=" in word:
            parts.append(word)
        else:
            parts[-1] += f" {word}"
    return parts


@pytest.mark.parametrize(
    ("typed", "sentence"),
    {
        "trian": "no command 'trian'; did you mean 'train'",
        "problem=wave": "is an override, not a command",
        "resume": "takes the directory of one run",
        "resume nowhere": "no run to resume in 'nowhere': config.yaml is missing",
        f"resume {'a' * 300}": "no run to resume in 'aaa",
        "resume nowhere seed=3": "no option of resume called 'seed'",
        "resume nowhere --help-me": "no option '--help-me'",
        "resume nowhere trust=3": "trust must be a list of modules, as in .*, but got 3",
        "resume nowhere trust=[": r"trust cannot be '\['",
        "list nothing": "nothing",
    }.items(),
)  # fmt: skip
def test_other_commands(told: Told, command: Callable[..., tuple[int, str, str]], typed: str, sentence: str) -> None:
    told(typed.split(), sentence)


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["kernel=gausian", "problem.sampler=[halton]", "trainer.deterministic=foo", "run_dir="])
def test_as_a_process_of_its_own(tmp_path: Path, typed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rbfnet.cli.train", typed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rbfnet: ") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
