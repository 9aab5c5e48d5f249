"""
The pages for those who read on a forge: docs/claims.md, with all claims, the known gaps and the environments.

And what README says of the claims: how many there are, and some rows of the table that closes a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spec.files import replace
from spec.report import gaps, source
from spec.report.matrix import MARKS, Environment, Matrix, span
from spec.report.terminal import title, total

BACKENDS = ("tensorflow", "jax", "torch")
PAGE, README = Path("docs", "claims.md"), Path("README.md")
HEAD = """# All claims

*`python -m spec.report write` makes this page from the claims and from `evidence/`. The book has the same with mathematics,
code and every case: `tox -e serve`.*

*Holds* counts the cases that hold in the environment `newest`, *refused* the answers that are wrong on purpose and were
refused, *digits* the worst agreement of any case. *Environments* counts those in which the claim holds. *Known* is the level of
assurance ([what each assumes](believe.md)).
"""


def evidence(root: Path) -> list[Path]:
    """The evidence files of the repository."""
    return sorted((root / "evidence").glob("*.json"))


def write(matrix: Matrix, root: Path) -> str:
    """Write the page if it has changed, and return a line that says so."""
    path, content = root / PAGE, text(matrix, root)
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return f"{PAGE} is up to date"
    replace(path, content)
    return f"wrote {PAGE}"


def write_readme(matrix: Matrix, root: Path) -> str:
    """Bring README up to date with the evidence of `newest` if it is not, and return a line that says so."""
    path = root / README
    before = path.read_text(encoding="utf-8")
    if (after := readme(matrix, before)) == before:
        return f"{README} is up to date"
    replace(path, after)
    return f"wrote {README}"


def readme(matrix: Matrix, before: str) -> str:
    """
    README with the numbers of `newest`, of claims, cases and refused answers and of the claims whose rows it shows; and with
    the versions that the environments span.

    A row of its table is known by the claim's sentence.
    """
    newest = matrix.newest
    claims = {claim["sentence"]: claim for _, of_chapter in matrix.chapters for claim in of_chapter}
    refused = sum(each["refused"] for each in newest.controls.values())
    lines = []
    for line in before.splitlines():
        cells = line.split(" | ")
        lines.append(_readme_row(newest, claims[cells[2]]) if len(cells) > 2 and cells[2] in claims else line)
    said = f"{matrix.held(newest)} claims hold, in {sum(map(len, newest.cases.values()))} cases; {refused} answers"
    text = re.sub(r"\d+ of \d+ claims hold, in \d+ cases; \d+ answers", said, "\n".join(lines) + "\n")
    text = re.sub(r"in \d+ claims, and each", f"in {len(claims)} claims, and each", text)
    text = re.sub(r"of the \d+ environments", f"of the {len(matrix.environments)} environments", text)
    return re.sub(r"(\| Keras \| on \| .*\n\|[-|]+\n)\|.*", lambda head: head[1] + _versions(matrix), text)


def _versions(matrix: Matrix) -> str:
    """The row of what the environments span, from the oldest to the newest of each library."""
    keras, statsmodels, numpy, python, *backends = (
        span(matrix.environments, one) for one in ("keras", "statsmodels", "numpy", "Python", *BACKENDS)
    )
    return _row(keras, ", ".join(f"{name} {one}" for name, one in zip(BACKENDS, backends)), statsmodels, numpy, python)


def _readme_row(newest: Environment, claim: dict[str, Any]) -> str:
    slug = claim["claim"]
    outcomes, controls = newest.outcomes(slug), newest.controls[slug]
    cells = [cell for cell in newest.record["cells"] if cell["claim"] == slug and "digits" in cell]
    worst = min(cells, key=lambda cell: (cell["digits"], cell["case"]), default=None)
    digits = "exact" if worst is None else f"{worst['digits']}" + (f" (≥ {worst['required']})" if "required" in worst else "")
    held = f"{outcomes['holds']}/{sum(outcomes.values())}"
    wrong = f"{controls['refused']}/{sum(controls.values())}"
    return _row(
        MARKS[newest.verdict(slug)], claim["source"], claim["sentence"], held, wrong, digits, worst["case"] if worst else ""
    )


def text(matrix: Matrix, root: Path) -> str:
    """The page as Markdown."""
    return "\n".join([HEAD, f"{total(matrix)}\n", *_claims(matrix, root), *_gaps(matrix), *_environments(matrix)])


def _claims(matrix: Matrix, root: Path) -> Iterator[str]:
    newest = matrix.newest
    told = {claim.slug: claim for chapter in source.chapters() for claim in chapter.claims}
    for chapter, claims in matrix.chapters:
        module = f"tests/claims/{chapter}.py"
        yield f"## {title(chapter)}\n"
        yield f"[{chapter}](../{module if (root / module).exists() else module.removesuffix('.py')})\n"
        yield "| claim | source | known | you see | holds | refused | digits | environments |"
        yield "|---|---|---|---|--:|--:|--:|--:|"
        for claim in claims:
            slug, outcomes = claim["claim"], newest.outcomes(claim["claim"])
            cells = (
                f"{claim['sentence']} `{slug}`",
                claim["source"],
                told[slug].level if slug in told else "",
                told[slug].symptom if slug in told else "",
                f"{outcomes['holds']} of {sum(outcomes.values())}",
                str(newest.controls[slug]["refused"]),
                _worst_digits(newest, slug),
                _environments_where(matrix, slug),
            )
            yield _row(*cells)
        yield ""


def _worst_digits(environment: Environment, slug: str) -> str:
    digits = [cell["digits"] for cell in environment.record["cells"] if cell["claim"] == slug and "digits" in cell]
    return str(min(digits)) if digits else "exact"


def _environments_where(matrix: Matrix, slug: str) -> str:
    """In how many environments a claim holds, and the verdicts of the others: "36 of 40, 4 known gap"."""
    verdicts = [e.verdict(slug) for e in matrix.environments]
    others = [f", {verdicts.count(v)} {v}" for v in MARKS if v != "holds" and v in verdicts]
    return f"{verdicts.count('holds')} of {len(verdicts)}{''.join(others)}"


def _gaps(matrix: Matrix) -> Iterator[str]:
    yield "## Known gaps\n"
    if not matrix.gaps:
        yield "None.\n"
        return
    yield (
        "Here a library departs from a claim, as `spec/known_gaps.toml` lists, case by case. To see a departure run its\n"
        "command with the pytest of such an environment, `.tox/oldest/bin/pytest` for one. Environments are numbered below.\n"
    )
    yield "| claims | where | environments | what departs, and why | to see it |"
    yield "|---|---|---|---|---|"
    for cause, claims, where, versions, command in known_gaps(matrix):
        named = ", ".join(f"`{claim}`" for claim in claims)
        yield _row(named, versions, matrix.numbers(where), cause, f"`{command}`" if command else "")
    yield ""


def known_gaps(matrix: Matrix) -> Iterator[tuple[str, list[str], list[Environment], str, str]]:
    """(cause, claims, environments, versions, command) for each cause of known gaps; the last two are "" if it is not listed."""
    listed = {(gap.slug, gap.cause): gap for gap in gaps.load() if gap.kind == "claim"}
    for cause, (claims, where) in matrix.gaps.items():
        gap = listed.get((claims[0], cause))
        versions = f"{gap.versions.replace(',', ', ')}{f' on {gap.backend}' if gap.backend else ''}" if gap else ""
        yield cause, claims, where, versions, gap.shown_by if gap else ""


def _environments(matrix: Matrix) -> Iterator[str]:
    yield "## Environments\n"
    yield "`tox -e NAME` runs one.\n"
    yield "| | environment | libraries | version of the claims | claims that hold | cases in a known gap | cases declined |"
    yield "|--:|---|---|---|--:|--:|--:|"
    for number, e in enumerate(matrix.environments, 1):
        outcomes = [outcome for cases in e.cases.values() for outcome in cases.values()]
        counts = (str(outcomes.count(outcome) or "") for outcome in ("known gap", "declined"))
        yield _row(str(number), f"`{e.name}`", e.libraries, e.suite, matrix.held(e), *counts)
    yield ""
    if stale := matrix.stale:
        yield from (*(f"- {said}." for said in stale.values()), "")


def _row(*cells: str) -> str:
    """A row of a table. A bar inside a cell would end it, so it is escaped."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
