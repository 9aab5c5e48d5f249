"""The matrix as pages: docs/versions.md, the table in README.md, and a badge for each environment."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from spec.report import gaps
from spec.report.matrix import MARKS, Environment, Matrix, span
from spec.report.terminal import LEGEND, title, total

MARKERS = {
    what: (f"<!-- {what}: python -m spec.report write -->", f"<!-- end of {what} -->") for what in ("the claims", "the matrix")
}
GREEN, AMBER, RED = "#2e7d32", "#8a6100", "#b3261e"


def evidence(root: Path) -> list[Path]:
    """The files of the repository."""
    return sorted((root / "evidence").glob("*.json"))


def write(matrix: Matrix, root: Path) -> list[str]:
    """Write what `pages` says where it differs; a line for each file that was written."""
    written = []
    for path, content in pages(matrix, root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            written.append(f"wrote {path.relative_to(root)}")
    return written or ["all pages are up to date"]


def pages(matrix: Matrix, root: Path) -> dict[Path, str]:
    """Each page and its content."""
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    for what, table in {"the claims": _claims(matrix), "the matrix": _summary(matrix)}.items():
        begin, end = MARKERS[what]
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{readme}: the lines {begin!r} and {end!r} are gone; the table of {what} stands between them.")
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return {
        root / "docs" / "versions.md": "\n".join(_page(matrix)),
        readme: text,
        **{root / "docs" / "badges" / f"{e.name}.svg": badge(e) for e in matrix.environments},
    }


def _page(matrix: Matrix) -> Iterator[str]:
    yield "# Versions, known gaps and environments\n"
    yield "*Generated from the files in `evidence/` by `python -m spec.report write`; in a terminal, `python -m spec.report`.*\n"
    yield f"{total(matrix)} {_everywhere(matrix)}\n"
    yield "## Known gaps\n"
    yield from _gaps(matrix)
    yield "\n## Environments\n"
    yield "`tox -e NAME` runs one. The numbers are those of the other tables.\n"
    yield "| | environment | libraries | claims that hold | cases in a known gap | cases declined |"
    yield "|--:|---|---|--:|--:|--:|"
    for number, e in enumerate(matrix.environments, 1):
        counts = [outcome for cases in e.cases.values() for outcome in cases.values()]
        figures = f"{_held(e)} | {counts.count('known gap') or ''} | {counts.count('declined') or ''}"
        yield f"| {number} | ![{e.name}](badges/{e.name}.svg) `{e.name}` | {e.libraries} | {figures} |"
    yield "\n## Claims\n"
    yield f"A column stands for environments that say the same. {LEGEND}.\n"
    for chapter, claims in matrix.chapters:
        yield f"### {title(chapter)}\n"
        yield f"[`{chapter}`](../tests/claims/{chapter})\n"
        yield f"| claim | {' | '.join(_heading(matrix, group) for group in matrix.groups)} |"
        yield f"|---|{':-:|' * len(matrix.groups)}"
        for claim in claims:
            marks = " | ".join(MARKS[group[0].verdict(claim["claim"])] for group in matrix.groups)
            yield f"| `{claim['claim']}` | {marks} |"
        yield ""


def _everywhere(matrix: Matrix) -> str:
    """How many claims hold in each case in each environment, declined ones aside."""
    true = [all(e.verdict(claim["claim"]) in ("holds", "declined") for e in matrix.environments) for claim in matrix.claims]
    return f"{sum(true)} of {len(true)} claims hold in all of them that can express them."


def _gaps(matrix: Matrix) -> Iterator[str]:
    """A row for each departure and its cause; a sentence where there is none."""
    if not matrix.gaps:
        yield "None."
        return
    yield (
        "Where a library departs from a claim: expected, strictly, in the cases that `spec/known_gaps.toml` lists. To see one, "
        "run its command with the pytest of such an environment, `.tox/oldest/bin/pytest` say.\n"
    )
    yield "| claims | where | environments | what departs, and why | to see it |"
    yield "|---|---|---|---|---|"
    listed = {(gap.slug, gap.cause): gap for gap in gaps.load() if gap.kind == "claim"}
    for cause, (claims, where) in matrix.gaps.items():
        gap = listed.get((claims[0], cause))
        versions = f"{gap.versions.replace(',', ', ')}{f' on {gap.backend}' if gap.backend else ''}" if gap else ""
        named = ", ".join(f"`{claim}`" for claim in claims)
        why, how = (text.replace("|", r"\|") for text in (cause, f"`{gap.shown_by}`" if gap else ""))  # a bar ends a cell
        yield f"| {named} | {versions} | {matrix.numbers(where)} | {why} | {how} |"


def _heading(matrix: Matrix, group: list[Environment]) -> str:
    """What tells a group from the others: Keras, its backend, statsmodels, and the numbers of its environments."""
    backend = "" if group[0].backend in ("", "tensorflow") else f" on {group[0].backend}"
    return f"Keras {span(group, 'keras')}{backend},<br>statsmodels {span(group, 'statsmodels')}<br>({matrix.numbers(group)})"


def _claims(matrix: Matrix) -> str:
    """A row for each claim, of the newest environment."""
    newest = next((e for e in matrix.environments if e.name == "newest"), matrix.environments[-1])
    worst: dict[str, float] = {}
    for cell in newest.record["cells"]:
        if "digits" in cell:
            worst[cell["claim"]] = min(cell["digits"], worst.get(cell["claim"], 16.0))
    lines = []
    for chapter, claims in matrix.chapters:
        lines += [
            f"\n**[{title(chapter)}](tests/claims/{chapter})**\n",
            "| claim | | holds in | refused | digits |",
            "|---|---|--:|--:|--:|",
        ]
        for claim in claims:
            slug, counts = claim["claim"], newest.outcomes(claim["claim"])
            held, refused = f"{counts['holds']} of {sum(counts.values())}", newest.controls[slug]["refused"]
            lines.append(f"| {claim['sentence']} | {claim['source']} | {held} | {refused} | {worst.get(slug, '')} |")
    what = "in how many cases each holds, how many wrong answers it refused, and its worst digits"
    return "\n".join([f"<details><summary>All {len(matrix.claims)} claims: {what}</summary>", *lines, "\n</details>"])


def _held(e: Environment) -> str:
    held = [e.verdict(claim) == "holds" for claim in e.cases]
    return f"{sum(held)} of {len(held)}"


def _summary(matrix: Matrix) -> str:
    """A row for each group of environments that say the same."""
    head = ("Keras", "on", "statsmodels", "NumPy", "Python", "environments", "claims that hold", "in a known gap", "declined")
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|---|--:|--:|--:|--:|"]
    for group in matrix.groups:
        first = group[0]
        verdicts = [first.verdict(claim["claim"]) for claim in matrix.claims]
        on = f"{first.backend} {span(group, first.backend)}"
        versions = [span(group, "keras"), on, *(span(group, library) for library in ("statsmodels", "numpy", "Python"))]
        rest = [str(verdicts.count(verdict) or "") for verdict in ("known gap", "declined")]
        lines.append(f"| {' | '.join([*versions, str(len(group)), _held(first), *rest])} |")
    return "\n".join([*lines, "", f"{total(matrix)} {_everywhere(matrix)}"])


def badge(e: Environment) -> str:
    """A picture: the environment's name, and how many claims hold there."""
    verdicts = {e.verdict(claim) for claim in e.cases}
    color = GREEN if verdicts <= {"holds", "declined"} else AMBER if verdicts <= {"holds", "declined", "known gap"} else RED
    left, right = e.name, f"{_held(e)} claims"
    a, b = (round(6.6 * len(text) + 12) for text in (left, right))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{a + b}" height="20" role="img" aria-label="{escape(left)}: {right}">'
        f"<title>{escape(left)}: {right}</title>"
        f'<clipPath id="r"><rect width="{a + b}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{a}" height="20" fill="#444"/>'
        f'<rect x="{a}" width="{b}" height="20" fill="{color}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{a / 2}" y="14">{escape(left)}</text><text x="{a + b / 2}" y="14">{right}</text></g></svg>\n'
    )
