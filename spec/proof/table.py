"""
The table of what is proven, for the book: ``python -m spec.proof.table`` proves on Keras's backend and writes docs/proven.md.

The cells of other backends are kept, in docs/proven.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from spec import problems
from spec.engines.contract import PLAIN, Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.engine import KerasEngine
from spec.engines.keras.versions import VERSION
from spec.files import ROOT
from spec.problems import Problem
from spec.proof.prove import Proof, prove

DATA, PAGE = ROOT / "docs" / "proven.json", ROOT / "docs" / "proven.md"
LONGEST = 100  # characters of a remainder
HEAD = """# What is proven for all weights

Each row is a network of the claims, or one with a loss of Keras's own. "Proven" says that rungs 1 to 4 hold at all weights,
inputs and responses, over the real numbers ([how](for_all_weights.md), and [what you must believe](believe.md)). Where a program
approximates a function, the cell says where: there something remains that is not zero. This page is made by
`python -m spec.proof.table`.
"""


def networks() -> list[tuple[str, Problem, Recipe]]:
    """(name, problem, recipe) of each row of the table."""
    counts, shares = problems.get("poisson-log"), problems.get("binomial-logit")
    classes = [problems.get(name) for name in ("softmax-4-to-2", "softmax-3-to-3", "softmax-8-to-5")]
    return [
        *((str(problem), problem, PLAIN) for problem in [*problems.where(tag="pair"), *classes]),
        ("poisson-log, offset and weights", problems.get("poisson-log-offset-weights"), PLAIN),
        ("poisson-log, l1 and l2", counts, Recipe(l1=0.5, l2=0.25)),
        ("poisson-log, Keras's own loss", counts, Recipe(built_in_loss=True)),
        ("binomial-logit, Keras's own loss", shares, Recipe(built_in_loss=True)),
        ("binomial-cloglog, Keras's own loss", problems.get("binomial-cloglog"), Recipe(built_in_loss=True)),
    ]


def cell(proof: Proof) -> str:
    """What a proof says, in a few words."""
    if not proof.remainders:
        return "proven"
    shared = {fact for where in proof.conditions for fact in where}
    apart = [set(left.where) - shared for left in proof.remainders]
    if proof.conditions and all(apart):
        least = {min(facts, key=len) for facts in apart}
        return f"proven but where {' or '.join(sorted(least))}"
    if reasons := sorted({left.formula.partition(": ")[2] for left in proof.of("")}):
        return f"not proven: {', '.join(reasons)}"
    rungs = [rung for rung in ("mean", "objective", "gradient", "curvature") if not proof.of(rung)]
    shortest = min((left.formula for left in proof.of("objective") or proof.remainders), key=len)
    remains = shortest if len(shortest) <= LONGEST else f"{shortest[:LONGEST]}…"
    return f"{', '.join(rungs) or 'nothing'} proven; of the loss remains `{remains}`"


def page(found: Mapping[str, Mapping[str, str]]) -> str:
    """The page of the table: a column for each backend."""
    names = list(dict.fromkeys(name for cells in found.values() for name in cells))
    lines = [f"| network | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    lines += [f"| {name} | {' | '.join(cells.get(name, '') for cells in found.values())} |" for name in names]
    return HEAD + "\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Prove every network of the table on this backend, and write its column."""
    engine, before = KerasEngine(), json.loads(DATA.read_text()) if DATA.exists() else {}
    column = f"{BACKEND.name} {BACKEND.version}, Keras {VERSION}"
    kept = {name: cells for name, cells in before.items() if not name.startswith(f"{BACKEND.name} ")}
    cells = {name: cell(prove(problem, engine.network(problem, recipe))) for name, problem, recipe in networks()}
    found = dict(sorted({**kept, column: cells}.items(), reverse=True))
    DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(found))


if __name__ == "__main__":
    main()
