from __future__ import annotations

from scripts import league


def test_every_goal_has_its_config_and_every_config_its_goal() -> None:
    for folder, goals in (("league", league.GOALS), ("exam", league.EXAM)):
        shipped = {file.stem for file in (league.ROOT / "configs/experiment" / folder).glob("*.yaml")}
        assert shipped == set(goals) and {league.set_of(name) for name in goals} == {folder}


def test_several_outputs_are_as_good_as_the_worst_of_them() -> None:
    summary = {"seconds": 3.0, "errors": {"rel_l2": 1e-3}, "errors_by_output": {"u": {"rel_l2": 1e-4}, "p": {"rel_l2": 2e-2}}}
    assert league.error_of("kovasznay", summary, 0) == (2e-2, 3.0)
    assert league.error_of("poisson", {"seconds": 1.0, "errors": {"rel_l2": 1e-3}}, 0) == (1e-3, 1.0)
    assert league.error_of("inverse", {"seconds": 2.0, "unknowns": {"a": {"rel_error": 0.5}}}, 0) == (0.5, 2.0)


def test_what_is_measured_over_several_seeds(monkeypatch) -> None:
    def run(name: str, seed: int, accuracy: float | None = None) -> dict[str, object]:
        error = [3e-11, 1e-11, 9e-10][seed]
        told = {"solver": "s", "kernel": "k", "verdict": ["solved", "rough", "solved"][seed]}
        return told | {"centers": 10 + seed, "seconds": float(seed), "errors": {"rel_l2": error}}

    monkeypatch.setattr(league, "run", run)
    entry = league.measure("poisson", [0, 1, 2])
    assert (entry.median, entry.worst, entry.seconds, entry.centers, entry.met) == (3e-11, 9e-10, 1.0, "10 to 12", True)
    last = league.table([entry]).splitlines()[-1]
    assert last == "| poisson | s | k | 10 to 12 | 1.00 | 3e-11 | 9e-10 | rough, solved | 1.2e-7 (468 s) | 1e-10 in 3 s | yes |"


def test_a_row_for_an_accuracy_has_it_as_its_goal(monkeypatch) -> None:
    def run(name: str, seed: int, accuracy: float | None = None) -> dict[str, object]:
        told = {"solver": "s", "kernel": "k", "verdict": "solved", "centers": 100, "seconds": 1.0}
        return told | {"errors": {"rel_l2": 2e-9 if accuracy else 1e-14}}

    monkeypatch.setattr(league, "run", run)
    entries = [league.measure("poisson", [0], accuracy) for accuracy in (None, 1e-8, 1e-9)]
    assert [entry.met for entry in entries] == [True, True, False]
    assert league.table(entries).splitlines()[-1].startswith("| poisson, accuracy=1e-09 | s | k | 100 | 1.00 | 2e-09 |")
    assert "| 1e-09 in 3 s | no |" in league.table(entries)
