"""Overrides as they are typed, and what Hydra makes of them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from rbfnet.cli.overrides import chosen, readable
from rbfnet.errors import InputError


def read(override: str) -> Any:
    """The value that Hydra's own parser reads from what it is given."""
    return OverridesParser.create().parse_override(override).value()


READ = {
    # File names are text, whatever they look like.
    "problem.path=a,b=c d.csv": "a,b=c d.csv",
    "problem.path=data (1).csv": "data (1).csv",
    "problem.path=[1].csv": "[1].csv",
    "problem.path=it's": "it's",
    "problem.path=Höhe.csv": "Höhe.csv",
    'problem.path=a"b.csv': 'a"b.csv',
    "problem.path= a.csv": " a.csv",
    "run_dir=2024": "2024",
    "run_dir=true": "true",
    "run_dir=a#b": "a#b",
    r"run_dir=C:\runs\x": r"C:\runs\x",
    # Quoted or escaped already.
    'problem.path="a,b.csv"': "a,b.csv",
    "problem.path='a,b.csv'": "a,b.csv",
    r"problem.path=a\,b.csv": "a,b.csv",
    "run_dir=null": None,
    # Other text that could be nothing else.
    "problem.exact=sin(pi*x)*exp(-t)": "sin(pi*x)*exp(-t)",
    "problem.exact=x < 0.5": "x < 0.5",
    "problem.equations=u_t = nu*u_xx": "u_t = nu*u_xx",
    "problem.equations=[u_t = nu*u_xx, d(u, x) + v]": ["u_t = nu*u_xx", "d(u, x) + v"],
    "problem.conditions=[{dirichlet: sin(pi*x), on: x=low},{neumann: 0}]": [
        {"dirichlet": "sin(pi*x)", "on": "x=low"},
        {"neumann": 0},
    ],
    "problem.outputs=[Height [m],T (°C),z]": ["Height [m]", "T (°C)", "z"],
    # What Hydra reads as it is stays as it is.
    "network.num_centers=30": 30,
    "network.epsilon=1e-3": 1e-3,
    "network.centers=[[0,1],[1,0]]": [[0, 1], [1, 0]],
    "kernel.nu=${seed}": "${seed}",
    "trainer.max_time=00:00:01:30": "00:00:01:30",
    "problem.exact=x*y/2": "x*y/2",
}


@pytest.mark.parametrize("typed", READ)
def test_what_is_typed_is_what_is_meant(typed: str) -> None:
    assert [read(text) for text in chosen(readable(typed))] == [READ[typed]]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1))
def test_any_file_name_is_taken_as_it_is(name: str) -> None:
    """But for what is quoted, escaped or interpolated on purpose."""
    if "\\" in name or "${" in name or name == "null" or name[0] in "\"'":
        return
    assert readable(f"problem.path={name}").value() == (None if name.lower() == "null" else name)


GIVEN = {
    "+seed=3": ["++seed=3"],
    "+kernel.beta=2": ["++kernel.beta=2"],
    "+experiment=terrain_1000": ["experiment=terrain_1000"],
    "~problem.exact": ["~problem.exact"],
    "logger=null": ["logger=[]"],
    "logger=csv": ["logger=csv"],
    "callbacks=grow": ["callbacks=grow"],
    "callbacks=[]": ["callbacks=[]"],
    "callbacks=[grow,custom]": ["callbacks=[]", "+callbacks@callbacks.grow=grow", "+callbacks@callbacks.custom=custom"],
    "problem.domain={_target_: D, x: 1}": ["problem.domain=null", "++problem.domain={_target_: D, x: 1}"],
    "kernel={_target_: K}": ["~kernel", "++kernel={_target_: K}"],
    "network={num_centers: 3}": ["network={num_centers: 3}"],
}


@pytest.mark.parametrize("typed", GIVEN)
def test_what_hydra_is_given(typed: str) -> None:
    assert chosen(readable(typed)) == GIVEN[typed]


REFUSED = {
    "poisson": "'poisson' is not an override; write key=value",
    "=3": "'=3' is not an override",
    "a b=3": "'a b=3' is not an override",
    "kernel=gaussian,matern": "kernel=gaussian,matern gives several values: add --multirun for one run each, or quote",
    "callbacks=grow,rad": "add --multirun for one run each, callbacks=[grow,rad] for all at once, or quote",
    "problem.inputs=[x,y": "unbalanced bracket or quotation mark",
    'problem.exact="x': "unbalanced bracket or quotation mark",
    "kernel=": "kernel takes one choice, as in kernel=",
    "kernel=[gaussian,matern]": "kernel takes one choice",
    "callbacks=[grow,grow]": "callbacks=[...] takes names, each once, as in callbacks=[grow,custom]",
    "logger=[{a: 1}]": "logger=[...] takes names, each once, as in logger=[csv,tensorboard]",
}


@pytest.mark.parametrize("typed", REFUSED)
def test_what_could_mean_several_things_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match=re.escape(REFUSED[typed])):
        chosen(readable(typed))


@pytest.mark.parametrize("typed", ["network.epsilon=1,2", 'problem.exact="x + 1', "problem.inputs=[x"])
def test_what_is_shown_can_be_typed(typed: str) -> None:
    """Through the shell and through Hydra it is the user's own value, as text."""
    with pytest.raises(InputError) as caught:
        readable(typed)
    shown = str(caught.value).rpartition(": ")[2]
    (argument,) = shlex.split(shown)
    key, _, value = typed.partition("=")
    assert argument.startswith(f"{key}=") and read(argument) == value.strip('["')


def test_a_comma_in_a_name_is_a_choice_only_with_multirun() -> None:
    assert readable("problem.path=a.csv,b.csv").value() == "a.csv,b.csv"
    assert list(readable("problem.path=a.csv,b.csv", multirun=True).sweep_string_iterator()) == ["a.csv", "b.csv"]
    with pytest.raises(InputError, match=re.escape("""'problem.exact="sin(x)","cos(x)"'""")):
        readable("problem.exact=sin(x),cos(x)", multirun=True)
