"""The claims as their source has them, read and never imported: sentences, mathematics, places, and the controls beside them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "tests" / "claims"


@dataclass(frozen=True)
class Test:
    """A test function: its docstring's first line and the rest; its lines in the file, decorators included, docstring not."""

    name: str
    sentence: str
    body: str
    lines: str

    @classmethod
    def of(cls, function: ast.FunctionDef) -> Test:
        sentence, _, body = (ast.get_docstring(function) or "").partition("\n")
        first, last = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)]), function.end_lineno
        prose = function.body[0]
        lines = f"{first}-{prose.lineno - 1},{(prose.end_lineno or 0) + 1}-{last}" if sentence else f"{first}-{last}"
        return cls(function.name, sentence.strip(), body.strip(), lines)


@dataclass(frozen=True)
class Claim:
    """A test that is a claim: its slug, the sentences of the source that it makes executable, and what must be refused."""

    slug: str
    source: tuple[str, ...]
    symptom: str
    test: Test
    controls: tuple[Test, ...] = field(default=())

    @property
    def sentence(self) -> str:
        return self.test.sentence


@dataclass(frozen=True)
class Chapter:
    """A file of claims."""

    path: Path

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @property
    def number(self) -> int:
        return int(self.path.name[5:7])

    @property
    def title(self) -> str:
        """The first line of its docstring, without the sentences of the source that it names."""
        return re.sub(r" \(S\d(, S\d)*\)", "", self._docstring[0].removesuffix("."))

    @property
    def text(self) -> str:
        """The rest of its docstring."""
        return self._docstring[1]

    @property
    def _docstring(self) -> tuple[str, str]:
        first, _, rest = (ast.get_docstring(self._tree) or "").partition("\n")
        if not first:
            raise ValueError(f"{self.path.name} has no docstring: its first line is the title of the chapter.")
        return first.strip(), rest.strip()

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """In the order of the file. Raises ValueError for a docstring whose first line is no sentence."""
        functions = [node for node in self._tree.body if isinstance(node, ast.FunctionDef)]
        controls = [(slug, Test.of(function)) for function in functions for slug in _controls(function)]
        found = []
        for function in functions:
            for marks in _marks(function, "pytest.mark.claim"):
                slug, test = marks["slug"], Test.of(function)
                if not re.fullmatch(r"[A-Z].{20,125}\.", test.sentence):
                    raise ValueError(f"{self.path.name}: the docstring of {function.name} does not begin with a sentence.")
                beside = tuple(dict.fromkeys(control for about, control in controls if _about(about, slug)))
                found.append(Claim(slug, tuple(marks["source"].split()), marks.get("symptom", ""), test, beside))
        return tuple(found)


def chapters(folder: Path = CLAIMS) -> list[Chapter]:
    """In reading order."""
    return [Chapter(path) for path in sorted(folder.glob("test_*.py"))]


def _marks(function: ast.FunctionDef, name: str) -> Iterator[dict[str, Any]]:
    """What the decorators of that name say."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == name:
            words = {str(word.arg): ast.literal_eval(word.value) for word in decorator.keywords}
            yield {"slug": ast.literal_eval(decorator.args[0]), **words}


def _controls(function: ast.FunctionDef) -> Iterator[str]:
    """The slugs, or what slugs begin with, of the claims that a test is a control of."""
    yield from (marks["slug"] for marks in _marks(function, "pytest.mark.control"))
    for decorator in function.decorator_list:
        yield from re.findall(r"refusals\('([^']+)'", ast.unparse(decorator))


def _about(control: str, slug: str) -> bool:
    return control == slug or re.fullmatch(rf"{re.escape(control)}-(mean|objective|gradient|curvature|optimum)", slug) is not None
