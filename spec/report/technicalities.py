"""
The page of the technicalities (S6): what puzzles a person, and the claim that says why. Read out of the claims' source.

``python -m spec.report.technicalities`` writes ``docs/technicalities.md``; a test holds the page to the claims.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "technicalities.md"
HEAD = """# Why do my network and my GLM disagree?

A network without a hidden layer is a generalized linear model "save for some statistical technicalities", says the answer
that these claims follow, and names none. Here they are. On the left is what puzzles a person, on the right the claim that
says why, with its name. Each runs: `pytest` with the file that the heading links to ends with a table of its claims.

*Generated from the claims by `python -m spec.report.technicalities`.*
"""


@dataclass(frozen=True)
class Technicality:
    """A claim that cites S6: the words of a person who trips over it, and its sentence."""

    slug: str
    symptom: str
    sentence: str


def chapters(folder: Path = ROOT / "tests" / "claims") -> Iterator[tuple[Path, str, list[Technicality]]]:
    """Each chapter that has technicalities: its file, the first line of its docstring, and they in the order of the file."""
    for path in sorted(folder.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        found = [t for node in tree.body if isinstance(node, ast.FunctionDef) for t in _technicalities(node)]
        if found:
            yield path, (ast.get_docstring(tree) or "").partition("\n")[0].removesuffix(".").replace(" (S6)", ""), found


def _technicalities(function: ast.FunctionDef) -> Iterator[Technicality]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.claim":
            marks = {word.arg: ast.literal_eval(word.value) for word in decorator.keywords}
            if "S6" in marks["source"].split():
                sentence = (ast.get_docstring(function) or "").partition("\n")[0]
                yield Technicality(ast.literal_eval(decorator.args[0]), marks["symptom"], sentence)


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for path, title, found in chapters():
        parts.append(f"## [{title}](../{path.relative_to(ROOT)})\n")
        rows = [f"| {t.symptom} | {t.sentence} `{t.slug}` |" for t in found]
        parts.append("\n".join(["| you see | because |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
