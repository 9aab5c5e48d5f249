"""
Claims, their evidence and the matrix as pages, out of tests/claims and evidence/.

``.. chapter:: test_03_...``      every claim of a chapter: sentence, mathematics, code, controls, evidence
``.. cited:: S3``                 the claims that make a sentence of the source executable
``.. symptoms:: separated-...``   what puzzles people, and the claims that say why: these, or all that are not yet there
``.. causes::``                   why an answer may disagree: code, sentence, claim, and what mends it
``.. confusion::``                what was planted, and what a diagnosis named
``.. environments::``             where the claims were verified
``.. gaps::``                     where libraries depart from the claims, and why
``.. matrix::``                   claims x environments
``.. engines::``                  other engines by chapters: cases that hold, depart, are declined
``.. departures::``               where other engines depart, and snippets that show it
``.. distances::``                how far from the truth each engine is
``.. picture:: training-path``    a picture of `spec.report.pictures`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import diagnosed
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from spec import __version__
from spec.report import engines, matrix, page, pictures, source, terminal
from spec.report.matrix import MARKS, NOT_RUN, Environment, Matrix
from spec.report.record import COLUMNS, PERFECT, fits_perfectly, shown
from spec.report.source import Chapter, Claim, Helper, Test


class Book:
    """The claims and what came of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = [*root.glob("evidence/*.json"), *root.glob("tests/claims/**/*.py")]
        try:
            self.matrix: Matrix = matrix.load(page.evidence(root))
            self.chapters = {chapter.name: chapter for chapter in source.chapters(root / "tests" / "claims")}
            self.claims: dict[str, Claim] = {}
            for chapter in self.chapters.values():
                for claim in chapter.claims:
                    if claim.slug in self.claims:
                        raise ValueError(f"{chapter.name}: the claim {claim.slug} is there twice.")
                    self.claims[claim.slug] = claim
        except (OSError, ValueError) as error:
            raise ExtensionError(f"the book: {error}") from error
        if said := self.matrix.outdated(__version__, self.claims):
            raise ExtensionError(f"the book: {said}.")
        self.newest = self.matrix.newest

    def chapter_of(self, slug: str) -> Chapter:
        return next(chapter for chapter in self.chapters.values() if any(claim.slug == slug for claim in chapter.claims))

    def cells(self, slug: str, environment: Environment | None = None) -> list[dict[str, Any]]:
        """What was measured of each case."""
        return [cell for cell in (environment or self.newest).record["cells"] if cell["claim"] == slug]

    def summary(self, slug: str) -> str:
        """In how many cases it holds, and the worst of them."""
        cells = self.cells(slug)
        cases, held = (
            {c["case"] for c in cells},
            {c["case"] for c in cells} - {c["case"] for c in cells if c["outcome"] != "holds"},
        )
        refused = sum(self.newest.controls[slug].values())
        text = f"holds in {len(held)} of {len(cases)} case{'s' * (len(cases) != 1)}"
        measured = [cell for cell in cells if "digits" in cell]
        if measured:
            worst = min(measured, key=lambda cell: cell["digits"])
            text += f", to {worst['digits']} digits or more" + (f" (worst: {worst['case']})" if worst["case"] else "")
        return f"{text}; {self.newest.controls[slug]['refused']} of {refused} wrong answers refused"

    def everywhere(self, slug: str) -> str:
        """The number of environments with each verdict on a claim, "not run yet" among them."""
        verdicts = [e.verdict(slug) for e in self.matrix.environments]
        said = [f"{verdicts.count(v)} {v}" for v in MARKS if verdicts.count(v)]
        return f"{len(verdicts)} environments: {', '.join(said)}"


@cache
def book(root: str) -> Book:
    return Book(Path(root))


class BookDirective(SphinxDirective):
    """What all have in common."""

    @property
    def book(self) -> Book:
        made = book(str(self.env.app.config.book_root))
        if "book" not in self.env.current_document:  # once for each page
            self.env.current_document["book"] = made
            for path in made.files:
                self.env.note_dependency(path)
        return made

    def rst(self, lines: Iterable[str]) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def raw(self, text: str) -> list[nodes.Node]:
        return [nodes.raw("", text, format="html")]


def ref(slug: str, text: str | None = None) -> str:
    return f":ref:`{text or slug} <{slug}>`"


def indented(text: str, by: int = 3) -> Iterator[str]:
    return (" " * by + line if line else "" for line in text.splitlines())


class ChapterDirective(BookDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in self.book.chapters:
            raise ExtensionError(f"{self.env.docname}: there is no chapter {name}; there are {', '.join(self.book.chapters)}.")
        chapter = self.book.chapters[name]
        told = getattr(self.env, "book_chapters", None)
        if told is None:
            told = self.env.book_chapters = {}
        told.setdefault(name, set()).add(self.env.docname)
        lines = [chapter.text, ""]
        for section in chapter.sections:
            if section.title:
                lines += [section.title, "=" * 130, "", section.text, ""]
            for claim in section.claims:
                lines += self._claim(claim, "-" if section.title else "=")
        found = self.rst([*lines, *self._try_it(chapter)])
        self._give_anchors(chapter)
        return found

    def _give_anchors(self, chapter: Chapter) -> None:
        """Make each claim's slug its anchor, also where the title of a section has the same words and came first."""
        document = self.state.document
        for slug in (claim.slug for claim in chapter.claims):
            given = document.nameids.get(slug)
            if given and given != slug and slug in document.ids:
                heading, target = document.ids[slug], document.ids[given]
                heading["ids"], target["ids"] = [given], [slug]
                document.ids.update({given: heading, slug: target})
                document.nameids.update({**dict.fromkeys(heading["names"], given), slug: slug})

    def _try_it(self, chapter: Chapter) -> Iterator[str]:
        name = f"{chapter.name.removeprefix('test_')}.py"
        if not (Path(self.env.srcdir) / "try_it" / name).exists():
            raise ExtensionError(f"{self.env.docname}: the chapter has no example: docs/try_it/{name}.")
        yield from ("Try it", "=" * 130, "")
        yield from (
            "The shortest code that shows it. It runs as it stands, and opens as a notebook where ``# %%`` begins a cell:",
            "",
        )
        yield from (
            f":download:`{name} </try_it/{name}>`.",
            "",
            f".. literalinclude:: /try_it/{name}",
            "   :language: python",
            "",
        )

    def _claim(self, claim: Claim, underline: str) -> Iterator[str]:
        yield from (f".. _{claim.slug}:", "", claim.sentence, underline * 130, "")
        cited, level = ", ".join(ref(s.lower(), s) for s in claim.source), f":doc:`{claim.level} </believe>`"
        yield from (".. rst-class:: claim", "", f"``{claim.slug}`` · makes {cited} executable · {level}", "")
        if claim.symptom:
            yield from (".. rst-class:: symptom", "", f"“{claim.symptom}”", "")
        yield from (claim.test.body, "")
        yield from _code(self.book.root, claim.test)
        used = source.helpers(claim.test, self.book.root)
        yield from self._helpers(claim.test, used)
        yield from (
            ".. raw:: html",
            "",
            f"   <details class='evidence'><summary>{escape(self.book.summary(claim.slug))}</summary>",
            "",
        )
        yield from indented(_evidence(self.book.cells(claim.slug)))
        yield from ("   </details>", "")
        if claim.controls:
            yield from _folded(
                "controls", f"What is wrong is refused: {len(claim.controls)} control{'s' * (len(claim.controls) != 1)}"
            )
            for control in claim.controls:
                yield from (control.sentence, "", *_code(self.book.root, control))
                more = [helper for helper in source.helpers(control, self.book.root) if helper not in used]
                yield from self._helpers(control, more)
            yield from (".. raw:: html", "", "   </details>", "")
        yield from (f"Elsewhere: :ref:`{self.book.everywhere(claim.slug)} <matrix>`.", "")

    def _helpers(self, test: Test, helpers: Sequence[Helper]) -> Iterator[str]:
        """The definitions that a test uses, folded; a caption names the file of those that stand in another file."""
        if not helpers:
            return
        for helper in helpers:
            self.env.note_dependency(str(helper.path))
        calls, data = (", ".join(h.name for h in helpers if h.is_data is kind) for kind in (False, True))
        says = "; ".join([f"what it calls: {calls}"] * bool(calls) + [f"its data: {data}"] * bool(data))
        yield from _folded("helpers", says[0].upper() + says[1:])
        for path in dict.fromkeys(helper.path for helper in helpers):
            yield ".. code-block:: python"
            if path != test.path:
                yield f"   :caption: {path.relative_to(self.book.root).as_posix()}"
            here = [helper for helper in helpers if helper.path == path]
            yield from ("", *indented("\n".join(_definitions(path, here))), "")
        yield from (".. raw:: html", "", "   </details>", "")


def _definitions(path: Path, helpers: Iterable[Helper]) -> Iterator[str]:
    """The lines of helpers from one file: functions first, then data, with an empty line around each that has several lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    long_before = None
    in_order = sorted(helpers, key=lambda helper: (helper.is_data, helper.lines if helper.is_data else ()))
    for first, last in dict.fromkeys(helper.lines for helper in in_order):
        if long_before is not None and (long_before or first != last):
            yield ""
        yield from lines[first - 1 : last]
        long_before = first != last


def _folded(kind: str, summary: str) -> Iterator[str]:
    yield from (".. raw:: html", "", f"   <details class='{kind}'><summary>{escape(summary)}</summary>", "")


def _code(root: Path, test: Test) -> Iterator[str]:
    yield from (
        f".. literalinclude:: /../{test.path.relative_to(root).as_posix()}",
        f"   :lines: {test.lines}",
        "   :language: python",
        "",
    )


def _evidence(cells: list[dict[str, Any]]) -> str:
    """A table of the cases."""
    used = [key for key in COLUMNS if any(key in cell for cell in cells)]
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(shown(cell, key)))}</td>" for key in used) + "</tr>" for cell in cells)
    heads = "".join(f"<th scope='col'>{COLUMNS[key]}</th>" for key in used)
    table = f"<table class='docutils'><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table>"
    return f"<div class='wide' tabindex='0'>{table}</div>"


class Cited(BookDirective):
    """``.. cited:: S3``"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        sentence = self.arguments[0]
        claims = [claim for claim in self.book.claims.values() if sentence in claim.source]
        if not claims:
            raise ExtensionError(f"{self.env.docname}: no claim makes {sentence} executable.")
        lines = [f"* {claim.sentence} {ref(claim.slug)}" for claim in claims]
        if len(lines) <= 12:
            return self.rst(lines)
        head = f".. raw:: html\n\n   <details><summary>{len(claims)} claims</summary>\n"
        return self.rst([head, *lines, "", ".. raw:: html", "", "   </details>", ""])


class Symptoms(BookDirective):
    """
    ``.. symptoms::`` with the slugs of claims, in their order: a table of what one sees.

    Without slugs it has a table for each chapter, of the claims that no directive of the page named before.
    """

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        named = self.env.temp_data.setdefault("book_symptoms", {})
        if not self.arguments:
            rest = [claim for claim in self.book.claims.values() if claim.symptom and claim.slug not in named]
            chapters = [
                (chapter, [claim for claim in chapter.claims if claim in rest]) for chapter in self.book.chapters.values()
            ]
            return self.rst(
                line for chapter, found in chapters if found for line in (chapter.title, "-" * 130, "", *self._table(found))
            )
        slugs = self.arguments[0].split()
        for slug in slugs:
            if slug not in self.book.claims or not self.book.claims[slug].symptom:
                raise ExtensionError(f"{self.env.docname}: no claim {slug} has a symptom.")
            if slug in named:
                raise ExtensionError(f"{self.env.docname}: the symptom of {slug} is there twice.")
            named[slug] = True
        return self.rst(self._table([self.book.claims[slug] for slug in slugs]))

    def _table(self, found: Iterable[Claim]) -> Iterator[str]:
        yield from (".. list-table::", "   :header-rows: 1", "   :class: symptoms", "   :widths: 2 3", "")
        yield from ("   * - You see", "     - because")
        for claim in found:
            yield from (f"   * - {claim.symptom}", f"     - {claim.sentence} {ref(claim.slug)}")
        yield ""


class Causes(BookDirective):
    """``.. causes::``"""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(self.book.root / diagnosed.REGISTRY))
        return self.raw(diagnosed.causes(self.book.root, self._address))

    def _address(self, slug: str) -> str:
        if slug not in self.book.claims:
            return ""
        chapter = self.book.chapter_of(slug)
        return f"{self.env.app.builder.get_relative_uri(self.env.docname, f'chapters/{chapter.number:02d}')}#{slug}"


class Confusion(BookDirective):
    """``.. confusion::``"""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(self.book.root / diagnosed.RECORD))
        try:
            return self.raw(diagnosed.confusion(self.book.root))
        except ValueError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from error


class Engines(BookDirective):
    """``.. engines::``"""

    def run(self) -> list[nodes.Node]:
        return self.raw(engines.table(self._records()))

    def _records(self) -> list[Any]:
        for path in sorted((self.book.root / engines.FOLDER).glob("*.json")):
            self.env.note_dependency(str(path))
        return engines.records(self.book.root)


class Departures(Engines):
    """``.. departures::``"""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(self.book.root / engines.GAPS))
        return self.raw(engines.departures(self.book.root, self._records()))


class Distances(BookDirective):
    """``.. distances::``: the worst of each engine, for each claim about the optimum. Perfect fits have no distance."""

    def run(self) -> list[nodes.Node]:
        rows = [row for slug in self.book.claims if slug.endswith("optimum") for row in self._rows(slug)]
        head = ("claim", "engine", "cases", "fewest digits", "of", "furthest (SE)", "widest proof (SE)")
        lines = [".. list-table::", "   :header-rows: 1", "   :class: wide", ""]
        for row in [head, *rows]:
            lines += [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(row)]
        return self.rst(lines)

    def _rows(self, slug: str) -> Iterator[tuple[str, ...]]:
        cells = [cell for cell in self.book.cells(slug) if "standard_errors" in cell and "digits" in cell]
        for engine in dict.fromkeys(cell["engine"] for cell in cells):
            found = [cell for cell in cells if cell["engine"] == engine]
            worst = min(found, key=lambda cell: cell["digits"])
            distances = [cell["standard_errors"] for cell in found if not fits_perfectly(cell)]
            perfect = [cell["case"] or "its one case" for cell in found if fits_perfectly(cell)]
            far = [f"{max(distances):.0e}"] * bool(distances) + [f"{', '.join(perfect)}: {PERFECT}"] * bool(perfect)
            radii = [cell["radius"] for cell in found if "radius" in cell]
            yield (
                ref(slug),
                engine,
                str(len(found)),
                str(worst["digits"]),
                worst["case"],
                "; ".join(far),
                f"{max(radii):.0e}" if radii else "",
            )


class Environments(BookDirective):
    """``.. environments::``: each with the version of the claims that it ran, and below them which are stale."""

    def run(self) -> list[nodes.Node]:
        found = self.book.matrix
        lines = [".. list-table::", "   :header-rows: 1", "", "   * - environment", "     - version of the claims"]
        lines += ["     - libraries", "     - claims that hold"]
        for e in found.environments:
            lines += [f"   * - ``{e.name}``", f"     - {e.suite}", f"     - {e.libraries}", f"     - {found.held(e)}"]
        return self.rst([*lines, "", *(f"* {said}." for said in found.stale.values())])


class Gaps(BookDirective):
    """``.. gaps::``"""

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", "   :class: wide", "   :widths: 3 2 2 5 4", ""]
        lines += ["   * - claims", "     - where", "     - environments", "     - what departs, and why", "     - to see it"]
        for cause, claims, where, versions, command in page.known_gaps(self.book.matrix):
            why = cause.replace("|", r"\|")  # |w| would be a substitution
            lines += [
                f"   * - {', '.join(map(ref, claims))}",
                f"     - {versions}",
                f"     - {', '.join(f'``{e.name}``' for e in where)}",
                f"     - {why}",
                f"     - {f'``{command}``' if command else ''}",
            ]
        return self.rst(lines)


class PictureDirective(BookDirective):
    """``.. picture:: training-path``: inline, so that its ink is the page's."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        if self.arguments[0] not in pictures.PICTURES:
            raise ExtensionError(
                f"{self.env.docname}: there is no picture {self.arguments[0]}; there are {', '.join(pictures.PICTURES)}."
            )
        picture = pictures.PICTURES[self.arguments[0]]
        return self.raw(f"<figure class='picture'>{picture.inline()}<figcaption>{escape(picture.title)}.</figcaption></figure>")


class MatrixDirective(BookDirective):
    """``.. matrix::``"""

    def run(self) -> list[nodes.Node]:
        book = self.book
        heads = "".join(
            f"<th scope='col' data-backend='{e.backend or 'tensorflow'}' "
            f"title='{escape(e.libraries)}; claims {e.suite}'>"
            f"<span>{escape(e.name)}</span></th>"
            for e in book.matrix.environments
        )
        rows = []
        for slug, claim in book.claims.items():
            chapter = book.chapter_of(slug)
            uri = self.env.app.builder.get_relative_uri(self.env.docname, self._document(chapter))
            cells = "".join(_cell(e, slug) for e in book.matrix.environments)
            rows.append(
                f"<tr data-chapter='{chapter.number}'><th scope='row'><a href='{uri}#{slug}'>{escape(claim.sentence)}</a> "
                f"<code>{slug}</code></th>{cells}</tr>"
            )
        chapters = "".join(f"<option value='{c.number}'>{c.number} {escape(c.title)}</option>" for c in book.chapters.values())
        found = book.matrix.environments
        backends = "".join(f"<option>{name}</option>" for name in dict.fromkeys(e.backend or "tensorflow" for e in found))
        met = {e.verdict(slug) for e in found for slug in book.claims}
        outcomes = "".join(f"<option>{outcome}</option>" for outcome in MARKS if outcome in met)
        form = (
            "<form class='filters' hidden><label>Search <input type='search' name='text' placeholder='softmax'></label>"
            f"<label>Chapter <select name='chapter'><option value=''>all</option>{chapters}</select></label>"
            f"<label>Backend <select name='backend'><option value=''>all</option>{backends}</select></label>"
            "<label>Environment <input name='environment' placeholder='keras3.5'></label>"
            f"<label>Outcome <select name='outcome'><option value=''>any</option>{outcomes}</select></label>"
            "<output aria-live='polite'></output></form>"
        )
        caption = f"{len(book.claims)} claims in {len(found)} environments, the oldest first.{terminal.versions(book.matrix)}"
        if NOT_RUN in met:
            caption += f" {MARKS[NOT_RUN]} {NOT_RUN}: the environment ran an earlier version of the claims."
        table = (
            "<div class='wide matrix' tabindex='0' role='region' aria-label='Claims and environments'><table id='the-matrix'>"
            f"<caption>{caption}</caption><thead><tr><th scope='col'>claim</th>{heads}</tr></thead>\n"
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )
        dialog = "<dialog id='the-cell' aria-labelledby='the-cell-title'></dialog>"
        script = f"<script id='the-evidence' type='application/json'>{_details(book)}</script>"
        return self.raw(form + table + dialog + script)

    def _document(self, chapter: Chapter) -> str:
        return f"chapters/{chapter.number:02d}"


def _cell(e: Environment, slug: str) -> str:
    verdict = e.verdict(slug)
    return f"<td class='{verdict.replace(' ', '-')}'><abbr title='{verdict}'>{MARKS[verdict]}</abbr></td>"


def _details(book: Book) -> str:
    """
    JSON with the counts of outcomes and the worst case of each claim in each environment; reasons once, by number.

    A claim that is not run yet has no outcome there, and a reason that says so.
    """
    reasons: dict[str, int] = {}
    found: dict[str, list[Any]] = {}
    by_claim = [{slug: [] for slug in book.claims} for _ in book.matrix.environments]
    for place, e in enumerate(book.matrix.environments):
        for cell in e.record["cells"]:
            by_claim[place][cell["claim"]].append(cell)
    for slug in book.claims:
        found[slug] = []
        for place, e in enumerate(book.matrix.environments):
            if e.verdict(slug) == NOT_RUN:
                why = f"{NOT_RUN[0].upper()}{NOT_RUN[1:]}: {e.name} ran version {e.suite} of the claims. Refresh: {e.command}."
                found[slug].append([[0] * len(MARKS), [], [reasons.setdefault(why, len(reasons))], 0])
                continue
            cells = by_claim[place][slug]
            digits = min((c for c in cells if "digits" in c), key=lambda c: c["digits"], default=None)
            reason = [reasons.setdefault(c["why"], len(reasons)) for c in cells if "why" in c]
            outcomes = [e.outcomes(slug).get(o, 0) for o in MARKS]
            worst = [digits["digits"], digits["case"]] if digits else []
            found[slug].append([outcomes, worst, sorted(set(reason)), e.controls[slug]["refused"]])
    said = {"outcomes": list(MARKS), "reasons": list(reasons), "cells": found}
    return json.dumps(said, separators=(",", ":")).replace("</", "<\\/")


def _answers(app: Any, exception: Exception | None) -> None:
    """Each environment's answers as a script, which the matrix loads when a cell is opened, from a disk as from a server."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static", "evidence")
    folder.mkdir(parents=True, exist_ok=True)
    for e in book(str(app.config.book_root)).matrix.environments:
        rows: dict[str, list[list[Any]]] = {}
        for cell in e.record["cells"]:
            rows.setdefault(cell["claim"], []).append([shown(cell, column) for column in COLUMNS])
        said = json.dumps({"columns": list(COLUMNS.values()), "claims": rows}, separators=(",", ":"))
        text = f"(window.answers ??= {{}})[{json.dumps(e.name)}] = {said};\n"
        (folder / f"{e.name}.js").write_text(text, encoding="utf-8")


def _complete(app: Any, env: Any) -> None:
    """Each chapter once."""
    told = getattr(env, "book_chapters", {})
    for name in book(str(app.config.book_root)).chapters:
        if len(told.get(name, ())) != 1:
            raise ExtensionError(f"the book: the chapter {name} is there {len(told.get(name, ()))} times, not once.")


def _forget(app: Any, env: Any, docname: str) -> None:
    for documents in getattr(env, "book_chapters", {}).values():
        documents.discard(docname)


def setup(app: Any) -> dict[str, Any]:
    app.add_config_value("book_root", str(Path(__file__).parents[2]), "env")
    for name, directive in {
        "chapter": ChapterDirective,
        "causes": Causes,
        "cited": Cited,
        "confusion": Confusion,
        "symptoms": Symptoms,
        "departures": Departures,
        "distances": Distances,
        "engines": Engines,
        "environments": Environments,
        "gaps": Gaps,
        "matrix": MatrixDirective,
        "picture": PictureDirective,
    }.items():
        app.add_directive(name, directive)
    app.connect("env-purge-doc", _forget)
    app.connect("env-check-consistency", _complete)
    app.connect("build-finished", _answers)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
