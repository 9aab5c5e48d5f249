"""
The table of what is proven, for the book: ``python -m spec.proof.table`` proves on Keras's backend and writes docs/proven.md.

The cells of other backends are kept, in docs/proven.json. Seconds are printed alone: in a file they would differ from run to run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace

from spec import files, problems
from spec.engines.contract import PLAIN, Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.engine import KerasEngine
from spec.engines.keras.versions import VERSION
from spec.files import ROOT
from spec.problems import Problem
from spec.problems.published import MODECHOICE
from spec.proof.prove import Proof, prove

DATA, PAGE = ROOT / "docs" / "proven.json", ROOT / "docs" / "proven.md"
BUILT_IN, OF_ETA = Recipe(built_in_loss=True), Recipe(built_in_loss=True, loss_of_eta=True)
LONGEST = 100  # characters of a remainder
HEAD = """# What is proven for all weights

Each row is a network of the claims, or one with a loss of Keras's own. "Proven" says that a rung holds at all weights, inputs
and responses, over the real numbers ([how](for_all_weights.md), and [what you must believe](believe.md)). Where a program
approximates a function, or clips, the cell says where: there something remains that is not zero. (If the border is
not a rational number, nothing is said about the border point itself.) `python -m spec.proof.table` makes this page, and prints
how long each proof takes.
"""
RUNGS = {"mean": "mean", "objective": "loss", "gradient": "gradient", "curvature": "curvature"}  # and their headings
Cells = dict[str, dict[str, str]]  # of a backend: by network and rung


def networks() -> list[tuple[str, Problem, Recipe]]:
    """(name, problem, recipe) of each row of the table."""
    counts, shares = problems.get("poisson-log"), problems.get("binomial-logit")
    two, three, five = (problems.get(name) for name in ("softmax-4-to-2", "softmax-3-to-3", "softmax-8-to-5"))
    line = problems.get("gaussian-identity")
    return [
        *((str(problem), problem, PLAIN) for problem in [*problems.where(tag="pair"), two, three, five]),
        ("poisson-log, offset and weights", problems.get("poisson-log-offset-weights"), PLAIN),
        ("poisson-log, l1 and l2", counts, Recipe(l1=0.5, l2=0.25)),
        (f"{line}, and a second output for the log of the dispersion", line, Recipe(head="location-scale")),
        *(
            (f"{three}, ordered thresholds of the {link}", three, Recipe(head=f"cumulative-{link}"))
            for link in ("logit", "probit")
        ),
        (f"{MODECHOICE}, one neuron shared by the alternatives", MODECHOICE, Recipe(alternatives=MODECHOICE.k)),
        *(
            (f"{problem}, Keras's own loss", problem, BUILT_IN)
            for problem in (counts, shares, problems.get("binomial-cloglog"), line)
        ),
        *((f"{problem}, Keras's own loss of eta", problem, OF_ETA) for problem in (shares, three)),
        (f"{three}, Keras's own loss", three, BUILT_IN),
        (f"{three}, Keras's own sparse loss of eta", three, replace(OF_ETA, sparse=True)),
        (f"{three}, Keras's own sparse loss", three, replace(BUILT_IN, sparse=True)),
    ]


def decide(problem: Problem, recipe: Recipe) -> Proof:
    """The proof; of a loss that may clip the shares of many classes, in the case alone in which it clips none."""
    clips = problem.model.has_classes and recipe.built_in_loss and not recipe.loss_of_eta
    return prove(problem, KerasEngine().network(problem, recipe), everywhere=not clips)


def cell(proof: Proof, rung: str) -> str:
    """What a proof says of a rung, in a few words."""
    left = [*proof.of(""), *proof.of(rung)]
    if not left:
        return "proven" if proof.everywhere else "proven where no share is clipped, elsewhere not decided"
    broken = {each.where for each in left}
    held = {*proof.conditions, *(each.where for each in proof.remainders)} - broken
    shared = {fact for where in held for fact in where}
    apart = [set(where) - shared for where in broken]
    if held and all(apart):
        return f"proven but where {' or '.join(sorted({min(facts, key=_shortest) for facts in apart}))}"
    if reasons := sorted({each.formula.partition(": ")[2] for each in proof.of("")}):
        return f"not proven: {', '.join(reasons)}"
    shortest = min((each.formula for each in left), key=_shortest)
    return f"remains `{shortest if len(shortest) <= LONGEST else f'{shortest[:LONGEST]}…'}`"


def _shortest(words: str) -> tuple[int, str]:
    return len(words), words


def page(found: Mapping[str, Cells]) -> str:
    """The page: of each backend a table, with a row for each network and a column for each rung."""
    lines = [HEAD]
    for backend, cells in found.items():
        lines += [f"## {backend}", "", f"| network | {' | '.join(RUNGS.values())} |", f"|---|{'---|' * len(RUNGS)}"]
        lines += [f"| {name} | {' | '.join(by_rung[rung] for rung in RUNGS)} |" for name, by_rung in cells.items()]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Prove every network of the table on this backend, print the seconds, and write the backend's part."""
    argparse.ArgumentParser("python -m spec.proof.table", description=f"{main.__doc__} It writes {PAGE} and {DATA}.").parse_args()
    before = json.loads(DATA.read_text()) if DATA.exists() else {}
    kept = {name: cells for name, cells in before.items() if not name.startswith(f"{BACKEND.name} ")}
    cells: Cells = {}
    total = 0.0
    for name, problem, recipe in networks():
        proof = decide(problem, recipe)
        cells[name], total = {rung: cell(proof, rung) for rung in RUNGS}, total + proof.seconds
        print(f"{proof.seconds:6.1f} s  {name}")
    print(f"{total:6.1f} s  in all")
    found = dict(sorted({**kept, f"{BACKEND.name} {BACKEND.version}, Keras {VERSION}": cells}.items(), reverse=True))
    files.replace(DATA, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    files.replace(PAGE, page(found))


if __name__ == "__main__":
    main()
