"""What the benchmarks say is so: who is judged by what, which ratio is of what, and a run that is none is refused."""

import json
import re

import numpy as np
import pytest

from spec.problems.by_construction import generator
from tests.benchmarks import report
from tests.benchmarks.cases import CASES, GROUPS, SMALL, Case
from tests.benchmarks.judge import Judge, Memory
from tests.benchmarks.peers import PEERS, Keras, Statsmodels


def fit(peer, seconds, distance=1e-9, group="cases", case="logistic, 1,000 x 8", **more):
    return {
        "group": group, "case": case, "n": 1000, "p": 8, "classes": 1, "peer": peer, "seconds": seconds, "share": 1.0,
        "distance": distance, "standard_errors": True, "iterations": 4, "grown": 2**20, "data": 2**20, "floor": 0.01,
        "passes": [[0.02, False], [0.02, False], [0.04, True]], **more,
    }  # fmt: skip


RUN = [
    fit(report.OURS, 0.1),
    fit("glum", 0.05, distance=1e-2),
    fit("R", 0.5, standard_errors=False),
    fit("statsmodels", 2.0, iterations=None),
]


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.parametrize("peer", [Keras(), Statsmodels()], ids=lambda peer: peer.name)
def test_the_judge_knows_the_optimum(case, peer):
    """Both answers are there, and one that is a thousandth of a standard error off is a thousandth off."""
    judge = Judge(case, case.problem())
    answer = peer.fit(judge.problem)

    assert judge.distance(answer.free) < 1e-5
    assert answer.standard_errors == pytest.approx(judge.optimum[1], rel=1e-4)
    assert judge.distance(judge.optimum[0] + 1e-3 * judge.optimum[1]) == pytest.approx(1e-3)
    assert judge.floor > 0


def test_cases_are_drawn_alike_each_time_and_are_of_the_size_they_say():
    """So that another process fits the same data."""
    case = Case("softmax", GROUPS["classes"][0].model, 500, 3, classes=4)
    first, second = case.problem(), case.problem()

    assert np.array_equal(first.y, second.y)
    assert np.array_equal(first.X, second.X)
    assert (first.n, first.p, first.k) == (500, 3, 4)


def test_an_ill_conditioned_case_has_its_condition():
    """1e6, nearly, after sampling."""
    case = Case("collinear", CASES[1].model, 2_000, 8, condition=1e6)

    assert 3e5 < np.linalg.cond(case.problem().X) < 3e6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_has_peers(case):
    """Statsmodels, R and another library, but for the probit, which those do not have."""
    names = [peer.name for peer in PEERS if peer.has(case)]

    assert {report.OURS, "statsmodels"} <= set(names)
    assert any(name.startswith(("scikit", "glum")) for name in names) == (case.name != "probit")


def test_memory_that_is_touched_is_seen():
    """The peak counts a block that is freed again."""
    memory = Memory()
    memory.start()
    block = generator("memory").random(4_000_000)
    del block

    assert memory.grown() is None or memory.grown() > 25e6


def test_ratios_leave_out_who_has_not_found_the_optimum():
    """However fast; the floor is passes times one product."""
    assert report.ratios(RUN) == {"fastest": 0.2, "statsmodels": 0.05, "floor": 2.5}


def test_the_page_and_the_tables_say_what_was_measured(tmp_path, capsys):
    """From the file of a run, in the terminal and as Markdown."""
    grown = [fit(report.OURS, 0.1 * n / 1000, group="rows", n=n, case=f"logistic, {n:,} x 8") for n in (1000, 10_000)]
    machine = {"libraries": {"keras": "3"}, "cores": 2, "machine": "x86_64", "python_version": "3.11"}
    run = {"machine_info": machine, "benchmarks": [{"extra_info": found} for found in [*RUN, *grown]]}
    (tmp_path / "run.json").write_text(json.dumps(run))
    fits, made = report.read(tmp_path / "run.json")

    page = report.page(fits, made)
    report.show(fits)
    shown = capsys.readouterr().out

    assert "2 cores (x86_64), Python 3.11, keras 3" in page
    assert "| logistic, 1,000 x 8 | 0.10 s | 0.20 | 0.05 | 2.50 |" in page
    assert "| rows | 1,000 | 10,000 | 0.10 s | 1.00 s | 10.0 | 1 MB | 1 MB |" in page
    assert "| glum | 50.0 ms | 0.5 | 1e-02 SE | yes | 4 | 1.2 | 1 MB |" in page
    assert "| logistic, 1,000 x 8 | 2 x 0.020 s | 1 x 0.040 s | 0.020 s |" in page
    assert "1e-02 SE" in shown


def test_runs_of_some_cases_are_joined(tmp_path, capsys):
    """In the order of the cases; a fit that was made again counts as it was made last. Runs of two machines are refused."""

    def run(name, *fits, cores=2):
        machine = {"libraries": {"keras": "3"}, "cores": cores, "machine": "x86_64", "python_version": "3.11"}
        (tmp_path / name).write_text(json.dumps({"machine_info": machine, "benchmarks": [{"extra_info": one} for one in fits]}))
        return tmp_path / name

    later, first = (str(case) for case in (CASES[3], CASES[0]))
    one = run("one.json", fit(report.OURS, 0.1, case=later), fit("R", 0.5, case=later))
    two = run("two.json", fit(report.OURS, 0.2, case=later), fit(report.OURS, 0.3, case=first))
    fits, made = report.joined([one, two])

    assert [(found["case"], found["peer"], found["seconds"]) for found in fits] == [
        (first, report.OURS, 0.3),
        (later, report.OURS, 0.2),
        (later, "R", 0.5),
    ]
    assert made.startswith("2 cores")
    assert made.endswith("; joined of 2 runs")
    assert report.main([str(one), "--and", str(run("three.json", fit(report.OURS, 0.1), cores=4))]) == 2
    assert "on different machines or libraries" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", '{"benchmarks": [], "machine_info": {"libraries": {}, "cores": 2}}'])
def test_a_file_that_is_no_run_is_refused(content, tmp_path, capsys):
    """With what to do; nothing is written."""
    (tmp_path / "run.json").write_text(content)

    assert report.main([str(tmp_path / "run.json")]) == 2
    assert re.search("no run of the benchmarks|has no fit in it", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
