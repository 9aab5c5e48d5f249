"""
Who reaches the optimum how fast: `tox -e bench`.

Each peer gets the same data in the same process, as many threads as there are cores, and a tolerance that leads it to within
1e-3 standard errors of the optimum or better; how far its answer is from it stands beside its time. A fit that takes seconds is
timed once, a shorter one after a first call that compiles or loads what there is to.
"""

from dataclasses import replace

import pytest
from threadpoolctl import threadpool_limits

from spec.families import Multinomial
from spec.fit.workers import CORES
from tests.benchmarks.cases import GROUPS
from tests.benchmarks.judge import Memory, judge
from tests.benchmarks.peers import PEERS, Keras, Nemos, NewtonCholesky, R, Statsmodels

SLOW = (Statsmodels, R, NewtonCholesky)
TOO_LONG = 10**10  # products in one information: a tenth of the rows will do for those who take minutes


def share(case, peer):
    """The rows that a peer is timed on."""
    minutes = isinstance(case.model.family, Multinomial) and isinstance(peer, SLOW) and case.work > TOO_LONG
    minutes = minutes or (isinstance(peer, Nemos) and case.n * case.p > 4e6)  # a thousand iterations or more
    return 0.1 if minutes else 1.0


FITS = [
    pytest.param(group, case, peer, id=f"{group}: {case}, {peer.name}", marks=pytest.mark.benchmark(group=f"{group}: {case}"))
    for group, cases in GROUPS.items()
    for case in cases
    for peer in PEERS
    if peer.has(case) and (peer.everywhere or group == "cases")
]


@pytest.mark.filterwarnings("ignore")  # of libraries that do not converge: their distance says so
@pytest.mark.parametrize(("group", "case", "peer"), FITS)
def test_fit(benchmark, group, case, peer):
    """To the optimum, with standard errors where there are any."""
    of_rows = share(case, peer)
    judged = judge(case if of_rows == 1 else replace(case, n=int(case.n * of_rows)))
    answers, grown = [], []

    def fit():
        answers.append(peer.fit(judged.problem))

    memory = Memory()
    long = (case.n * case.p > 4e6 or case.work > 1e9) and not isinstance(peer, Keras)
    with threadpool_limits(CORES):
        benchmark.pedantic(
            fit,
            setup=memory.start,
            teardown=lambda: grown.append(memory.grown()),
            rounds=1 if long else 3,
            warmup_rounds=0 if long else 1,
        )
    answer = answers[-1]
    times = [answer.seconds for answer in answers if answer.seconds is not None] or list(benchmark.stats.stats.data)
    benchmark.extra_info.update(
        group=group,
        case=str(case),
        n=case.n,
        p=case.p,
        classes=case.classes,
        peer=peer.name,
        seconds=min(times) / of_rows,
        share=of_rows,
        distance=judged.distance(answer.free),
        standard_errors=answer.standard_errors is not None,
        iterations=answer.iterations,
        grown=grown[-1] if answer.seconds is None else answer.grown,
        data=judged.problem.X.nbytes,
        floor=judged.floor / of_rows,
        passes=answer.passes,
    )
    if isinstance(peer, Keras):
        assert benchmark.extra_info["distance"] < 1e-5
        errors = judged.optimum[1]
        assert answer.standard_errors == pytest.approx(errors, rel=1e-4)
