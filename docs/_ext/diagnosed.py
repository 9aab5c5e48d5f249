"""
The causes of a disagreement, and how often each is named rightly, as HTML for the book.

The registry and its sentences are read and not imported, for importing them needs Keras; the confusion matrix is read from a
file.
"""

from __future__ import annotations

import ast
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

REGISTRY = "spec/diagnosis/causes/__init__.py"
RECORD = "docs/diagnosis.json"
RIGHT, MOVED = "nothing", "moved at random"  # what is planted in a right network, and in one whose weights were moved
NAMES = {"moved": MOVED, "random": MOVED, "right": RIGHT, "none": RIGHT}
VERDICTS = ("none", "either", "unexplained", "no optimum")


# -- the causes ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A cause as it stands in the registry; empty where the entry does not say it in so many words."""

    code: str
    group: str = ""
    plain: str = ""
    claim: str = ""
    mend: str = ""


def registry(root: Path) -> tuple[list[Entry], dict[str, str]]:
    """
    The causes in the order in which they are asked, and the question of each group.
    """
    tree = _tree(root / REGISTRY)
    found = [one for one in _entries(tree, {}) if one.code]
    said = [replace(one, plain=one.plain.format(it="The network", trained="trained") + ".") for one in found]
    return said, _assigned(tree, "GROUPS")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")


def _assigned(tree: ast.Module, name: str) -> dict[str, str]:
    """The dictionary of texts that a module assigns to a name; empty where it assigns none."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in targets) and node.value is not None:
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    return {}


def _entries(node: ast.AST, names: dict[str, str]) -> Iterator[Entry]:
    """The calls of Cause below a node, in reading order; one in a generator over a table is there once for each of its rows."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Cause":
        given = dict(zip(("code", "group", "plain", "claim", "mend"), node.args))
        given.update({word.arg: word.value for word in node.keywords if word.arg})
        yield Entry(*(_text(given.get(name), names) for name in ("code", "group", "plain", "claim", "mend")))
    elif isinstance(node, ast.GeneratorExp):
        (over,) = node.generators
        for row in ast.literal_eval(over.iter):
            yield from _entries(node.elt, dict(zip((name.id for name in over.target.elts), row)))  # type: ignore[attr-defined]
    else:
        for child in ast.iter_child_nodes(node):
            yield from _entries(child, names)


def _text(node: ast.AST | None, names: dict[str, str]) -> str:
    """A text that is written out, or a row's; empty for what is computed otherwise."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def causes(root: Path, link: Callable[[str], str]) -> str:
    """A table for each group of causes; ``link`` gives the address of a claim, empty where the book has none of that name."""
    entries, groups = registry(root)
    parts = []
    for group in [*groups, *sorted({one.group for one in entries} - set(groups))]:
        mine = [one for one in entries if one.group == group]
        if mine:
            rows = "".join(_cause(one, link) for one in mine)
            title = escape(groups.get(group, group or "Others"))
            heads = "<th scope='col'>code</th><th scope='col'>what is so</th><th scope='col'>what mends it</th>"
            parts.append(
                f"<div class='wide causes' tabindex='0' role='region' aria-label='{title}'><table class='docutils'>"
                f"<caption>{title}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
            )
    return "\n".join(parts)


def _cause(one: Entry, link: Callable[[str], str]) -> str:
    where = link(one.claim) if one.claim else ""
    claim = f" <a href='{escape(where)}'><code>{escape(one.claim)}</code></a>" if where else ""
    mend = "<br>".join(f"<code>{escape(line)}</code>" for line in one.mend.splitlines())
    return (
        f"<tr id='cause-{escape(one.code)}'><th scope='row'><code>{escape(one.code)}</code></th>"
        f"<td>{escape(one.plain)}{claim}</td><td>{mend}</td></tr>"
    )


# -- how often they are right -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """An answer that was made so, and what its diagnosis named."""

    planted: tuple[str, ...]
    problem: str
    seed: int
    verdict: str
    named: tuple[str, ...]
    proven: bool
    distance: float
    right: bool | None = None  # as who planted it says, who knows which causes are one by mathematics

    @classmethod
    def of(cls, cell: dict[str, Any]) -> Case:
        """The case of a cell of the file."""
        planted = tuple(NAMES.get(code, code) for code in cell["planted"]) or (RIGHT,)
        planted = planted[:1] if planted[0] == RIGHT else planted  # ["none", "float32"] is a right answer, in float32
        distance = cell.get("distance")
        named, proven = tuple(cell["named"]), bool(cell["proven"])
        return cls(planted, str(cell["problem"]), int(cell["seed"]), str(cell["verdict"]), named, proven,
                   float("nan") if distance is None else float(distance), cell.get("right"))  # fmt: skip

    @property
    def column(self) -> str:
        """What was named first, or the verdict where it names no cause."""
        return self.verdict if self.verdict == "either" or not self.named else self.named[0]

    @property
    def is_right(self) -> bool:
        """A cause is named first, a pair is named whole; nothing is named where nothing was planted, or nothing that is known."""
        if self.right is not None:
            return self.right
        if self.planted == (RIGHT,):
            return self.verdict == "none" and not self.named
        if self.planted == (MOVED,):
            return self.verdict == "unexplained" and not self.named
        if len(self.planted) > 1:
            return set(self.planted) == set(self.named)
        return self.verdict != "either" and self.named[:1] == self.planted

    @property
    def is_wrong_and_proven(self) -> bool:
        """A cause was named that was not planted, with the stamp "proven"."""
        return self.proven and self.verdict != "either" and bool(set(self.named) - set(self.planted))

    @property
    def left(self) -> str:
        """The distance in standard errors; empty where there is none."""
        return "" if math.isnan(self.distance) else f"{self.distance:.1e}"

    @property
    def outcome(self) -> str:
        """What the diagnosis said, in words."""
        return f"{self.verdict}: {', '.join(self.named)}" if self.named else self.verdict


def confusion(root: Path) -> str:
    """Sentences with the shares, the matrix, the pairs, and the misnamed cases; a sentence where there is no file yet."""
    path = root / RECORD
    if not path.exists():
        return (
            f"<p class='missing'><strong>There is no confusion matrix yet</strong>: the file <code>{RECORD}</code> is missing. "
            "Until it is made, nothing is known of how often a diagnosis is right.</p>"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        cases = [Case.of(cell) for cell in record["cells"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{RECORD}: damaged ({error!r}).") from error
    single = [case for case in cases if len(case.planted) == 1]
    pairs = [case for case in cases if len(case.planted) > 1]
    parts = [
        "<ul>",
        *(f"<li>{text}</li>" for text in _sentences(cases)),
        "</ul>",
        _matrix(single, [one.code for one in registry(root)[0]]),
    ]
    parts += [_pairs(pairs)] if pairs else []
    parts += [_misnamed([case for case in cases if not case.is_right])]
    parts += [f"<p>{escape(_same(*one))}</p>" for one in record.get("same", [])]
    made = ", ".join(f"{escape(str(name))} {escape(str(value))}" for name, value in record.get("made", {}).items())
    return "\n".join([*parts, f"<p>Made with {made}.</p>" if made else ""])


def _sentences(cases: list[Case]) -> Iterator[str]:
    """How many are right, by what was planted; and how many are wrong where they are called proven."""
    kinds = {
        "single causes are named first": lambda case: len(case.planted) == 1 and case.planted[0] not in (RIGHT, MOVED),
        "pairs of causes are both named": lambda case: len(case.planted) > 1,
        "right answers are called so": lambda case: case.planted == (RIGHT,),
        "answers that were moved at random are called unexplained": lambda case: case.planted == (MOVED,),
    }
    for text, belongs in kinds.items():
        found = [case for case in cases if belongs(case)]
        if found:
            right = sum(case.is_right for case in found)
            yield f"{right:,} of {len(found):,} {text} ({_share(right, len(found))})."
    either = [case for case in cases if case.verdict == "either"]
    if either:
        with_it = sum(case.planted[0] in case.named for case in either)
        yield f"In {len(either):,} cases the diagnosis says “either”; what was planted is among what it names in {with_it:,}."
    wrong = sum(case.is_wrong_and_proven and not case.right for case in cases)
    yield f"In {wrong:,} of {len(cases):,} cases a cause that was not planted is called proven."


def _same(first: str, second: str, why: str) -> str:
    """A sentence about two causes that count as one."""
    return f"{first} and {second} count as one: {why}."


def _share(count: int, of: int) -> str:
    """A share in percent, which is 100 or 0 only where it is exactly that."""
    share = 100 * count / of
    text = f"{share:.0f}" if count in (0, of) else f"{min(max(share, 0.1), 99.9):.1f}"
    return f"{text} %"


def _matrix(cases: list[Case], codes: list[str]) -> str:
    """Rows planted, in the order of the codes; columns named; shares of the row in percent."""
    known = {code: place for place, code in enumerate([*codes, RIGHT, MOVED])}
    rows = sorted({case.planted[0] for case in cases}, key=lambda code: (known.get(code, -1), code))
    met = {case.column for case in cases}
    columns = [
        *[code for code in rows if code in met],
        *sorted(met - set(rows) - set(VERDICTS)),
        *[v for v in VERDICTS if v in met],
    ]
    heads = "".join(f"<th scope='col'><span>{escape(code)}</span></th>" for code in columns)
    lines = []
    for row in rows:
        mine = [case for case in cases if case.planted[0] == row]
        counts = Counter(case.column for case in mine)
        right = {case.column for case in mine if case.is_right}
        cells = "".join(_cell(counts[column], len(mine), column in right, row, column) for column in columns)
        lines.append(f"<tr><th scope='row'><code>{escape(row)}</code> {len(mine)}</th>{cells}</tr>")
    caption = (
        "Rows: what was planted, with the number of cases. Columns: what was named first, or the verdict where no cause was "
        "named. Shares of the row in percent; an empty cell is 0."
    )
    return (
        f"<p>{caption}</p>"
        "<div class='wide matrix confusion' tabindex='0' role='region' aria-label='Confusion matrix'><table>"
        f"<thead><tr><th scope='col'>planted</th>{heads}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(count: int, of: int, is_right: bool, row: str, column: str) -> str:
    if not count:
        return "<td></td>"
    share = _share(count, of).removesuffix(" %")
    title = escape(f"{row} was called {column} in {count} of {of}")
    return f"<td class='{'holds' if is_right else 'fails'}' title='{title}'>{share}</td>"


def _pairs(cases: list[Case]) -> str:
    """A row for each pair: cases, both named, one of the two, neither."""
    rows = []
    for pair in sorted({case.planted for case in cases}):
        mine = [case for case in cases if case.planted == pair]
        both = sum(case.is_right for case in mine)
        one = sum(not case.is_right and bool(set(case.named) & set(pair)) for case in mine)
        counts = "".join(f"<td>{count}</td>" for count in (len(mine), both, one, len(mine) - both - one))
        rows.append(f"<tr><th scope='row'>{_codes(pair)}</th>{counts}</tr>")
    return _table("Two causes at once", ("planted", "cases", "both named, and nothing else", "one named", "neither"), rows)


def _misnamed(cases: list[Case]) -> str:
    """Every case that was not named as it was planted."""
    if not cases:
        return "<p>No case is misnamed.</p>"
    rows = [
        f"<tr><th scope='row'>{_codes(case.planted)}</th><td>{escape(case.problem)}</td><td>{case.seed}</td>"
        f"<td>{escape(case.outcome)}</td><td>{'yes' if case.proven else 'no'}</td><td>{case.left}</td></tr>"
        for case in cases
    ]
    heads = ("planted", "problem", "seed", "diagnosis", "proven", "standard errors that it leaves")
    summary = f"{len(cases)} misnamed case{'s' * (len(cases) != 1)}"
    return f"<details><summary>{summary}</summary>{_table('Misnamed', heads, rows)}</details>"


def _codes(codes: tuple[str, ...]) -> str:
    return " + ".join(f"<code>{escape(code)}</code>" for code in codes)


def _table(title: str, heads: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in heads)
    return (
        f"<div class='wide' tabindex='0' role='region' aria-label='{title}'><table class='docutils'><caption>{title}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
