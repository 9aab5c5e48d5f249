"""The claims as their source has them, read and never imported: sentences, mathematics, places, and the controls beside them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from spec.files import CLAIMS, ROOT
from spec.report.levels import level


@dataclass(frozen=True)
class Test:
    """A test function: its docstring's first line and the rest; its lines in its file, decorators included, docstring not."""

    path: Path
    name: str
    sentence: str
    body: str
    lines: str

    @classmethod
    def of(cls, function: ast.FunctionDef, path: Path) -> Test:
        sentence, _, body = (ast.get_docstring(function) or "").partition("\n")
        first, last = _lines(function)
        prose = function.body[0]
        lines = f"{first}-{prose.lineno - 1},{(prose.end_lineno or 0) + 1}-{last}" if sentence else f"{first}-{last}"
        return cls(path, function.name, sentence.strip(), body.strip(), lines)


@dataclass(frozen=True)
class Claim:
    """
    A test that is a claim: its slug, the sentences of the source that it makes executable, and what must be refused.

    ``level`` says how it is known, one of `spec.report.levels`.
    """

    slug: str
    source: tuple[str, ...]
    symptom: str
    level: str
    test: Test
    controls: tuple[Test, ...] = field(default=())

    @property
    def sentence(self) -> str:
        return self.test.sentence


@dataclass(frozen=True)
class Section:
    """A file of claims: its title and introduction, which are empty where the file is the whole chapter."""

    title: str
    text: str
    path: Path
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Chapter:
    """A chapter of claims: one file, or a folder whose files ``test_*.py`` are its sections and whose other modules help them."""

    path: Path

    @property
    def name(self) -> str:
        """The name of its file or folder, without a suffix: the evidence calls it so."""
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name[5:7])

    @property
    def title(self) -> str:
        """The first line of its docstring, without the sentences of the source that it names."""
        return re.sub(r" \(S\d(, S\d)*\)", "", self._docstring[0].removesuffix("."))

    @property
    def text(self) -> str:
        """The rest of its docstring."""
        return self._docstring[1]

    @cached_property
    def _docstring(self) -> tuple[str, str]:
        return _docstring(self.path / "__init__.py" if self.path.is_dir() else self.path)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """All claims in reading order."""
        return tuple(claim for section in self.sections for claim in section.claims)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Its files of claims, in reading order. Raises ValueError for a docstring whose first line is no sentence."""
        files = sorted(self.path.glob("test_*.py"), key=_order) if self.path.is_dir() else [self.path]
        controls = {path: tuple(_file_controls(path)) for path in files}
        found = []
        for path in files:
            nearest_first = [*controls[path], *(c for other in files if other != path for c in controls[other])]
            title, text = _docstring(path) if self.path.is_dir() else ("", "")
            found.append(Section(title.removesuffix("."), text, path, tuple(_file_claims(path, nearest_first))))
        return tuple(found)


def chapters(folder: Path = CLAIMS) -> list[Chapter]:
    """All chapters in reading order."""
    files, folders = folder.glob("test_*.py"), (path.parent for path in folder.glob("test_*/__init__.py"))
    return [Chapter(path) for path in sorted([*files, *folders], key=_order)]


def slugs(folder: Path = CLAIMS) -> set[str]:
    """The slugs of all claims."""
    functions = [function for path in folder.rglob("test_*.py") for function in _functions(path)]
    return {marks["slug"] for function in functions for marks in _marks(function, "pytest.mark.claim")}


def _order(path: Path) -> tuple[int, str]:
    """The number that follows ``test_`` in a name, then the name: section 10 comes after section 9."""
    number = re.match(r"test_(\d+)", path.name)
    return (int(number[1]) if number else 0), path.name


@cache
def _parsed(text: str, path: Path) -> ast.Module:
    return ast.parse(text, str(path))


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once for each content of the file."""
    return _parsed(path.read_text(encoding="utf-8"), path)


@dataclass(frozen=True)
class Helper:
    """A function, class or constant that tests use: the file that defines it, its name, its first and last line there."""

    path: Path
    name: str
    lines: tuple[int, int]
    is_data: bool


def helpers(test: Test, root: Path = ROOT) -> tuple[Helper, ...]:
    """
    What a test uses, each helper once: what it names itself first, then what those helpers name.

    Looked for are the module-level definitions of the test's own file and, through imports, of all modules in tests/claims
    and of those in `JUDGES`; what the latter use in turn is left out.
    """
    found: dict[tuple[Path, str], ast.stmt] = {}
    reached: list[tuple[Path, ast.stmt]] = [(test.path, _definitions(test.path)[test.name])]
    for _ in range(2):
        places = [place for path, node in reached for name in _names(node) if (place := _place(path, name, root))]
        new = {place: _definitions(place[0])[place[1]] for place in places if place not in found and place[1] != test.name}
        found |= new
        reached = [(path, node) for (path, _), node in new.items() if (root / "tests" / "claims") in path.parents]
    return tuple(Helper(path, name, _lines(node), isinstance(node, _DATA)) for (path, name), node in found.items())


JUDGES = ("spec.evidence.rungs", "spec.evidence.judge", "spec.evidence.published")
_DATA = (ast.Assign, ast.AnnAssign)
_FUNCTIONS = (ast.FunctionDef, ast.ClassDef)


def _lines(node: ast.stmt) -> tuple[int, int]:
    """The first and the last line of a definition, decorators included."""
    decorators = node.decorator_list if isinstance(node, _FUNCTIONS) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]), node.end_lineno or node.lineno


def _names(node: ast.stmt) -> list[str]:
    """The names, dotted ones too, that a definition takes from around it, in the order of the text."""
    own: set[str] = set()
    if isinstance(node, _FUNCTIONS):
        inside = [part for statement in node.body for part in ast.walk(statement)]
        own = {part.id for part in inside if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
        own |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        around = [part for decorator in node.decorator_list for part in ast.walk(decorator)]
        parts = [(part, own) for part in inside] + [(part, set()) for part in around]
    else:
        parts = [(part, own) for part in ast.walk(node)]
    parts.sort(key=lambda part: (getattr(part[0], "lineno", 0), getattr(part[0], "col_offset", 0)))
    found = []
    for part, bound in parts:
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id not in bound:
            found.append(part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id not in bound:
            found.append(f"{part.value.id}.{part.attr}")
    return list(dict.fromkeys(found))


def _place(path: Path, name: str, root: Path) -> tuple[Path, str] | None:
    """(file, name) of a helper's definition, followed through imports from a file that uses the name; None for other names."""
    imported, _, attribute = name.partition(".")
    if not attribute and name in _definitions(path):
        return path, name
    if imported not in _imported(tree(path)):
        return None
    level, module, original = _imported(tree(path))[imported]
    if level:
        module = ".".join([*path.relative_to(root).parts[:-level], *filter(None, [module])])
    if attribute:
        module, original = f"{module}.{original}", attribute
    if not module.startswith("tests.claims") and module not in JUDGES:
        return None
    file = root.joinpath(*module.split("."))
    file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    return _place(file, original, root) if file.exists() and file != path else None


def _definitions(path: Path) -> dict[str, ast.stmt]:
    return _defined(tree(path))


@cache
def _defined(module: ast.Module) -> dict[str, ast.stmt]:
    """The functions, classes and constants of a module, by name."""
    found: dict[str, ast.stmt] = {}
    for node in module.body:
        if isinstance(node, _FUNCTIONS):
            found[node.name] = node
        elif isinstance(node, _DATA):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id: node for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


@cache
def _imported(module: ast.Module) -> dict[str, tuple[int, str, str]]:
    """(dots in front, module, name there) of each name that a module imports from another."""
    nodes = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: (node.level, node.module or "", name.name) for node in nodes for name in node.names}


def _docstring(path: Path) -> tuple[str, str]:
    first, _, rest = (ast.get_docstring(tree(path)) or "").partition("\n")
    if not first:
        raise ValueError(f"{path.parent.name}/{path.name} has no docstring: its first line is a title.")
    return first.strip(), rest.strip()


def _functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in tree(path).body if isinstance(node, ast.FunctionDef)]


def _file_controls(path: Path) -> Iterator[tuple[str, Test]]:
    """(slug, control) for each mark of a control in a file; "*" in such a slug stands for the rung of a case."""
    for function in _functions(path):
        for marks in _marks(function, "pytest.mark.control"):
            yield marks["slug"], Test.of(function, path)


def _file_claims(path: Path, controls: list[tuple[str, Test]]) -> Iterator[Claim]:
    for function in _functions(path):
        for marks in _marks(function, "pytest.mark.claim"):
            slug, test = marks["slug"], Test.of(function, path)
            if not re.fullmatch(r"[A-Z].{20,125}\.", test.sentence):
                raise ValueError(f"{path.name}: the docstring of {function.name} does not begin with a sentence.")
            beside = tuple(dict.fromkeys(control for about, control in controls if fnmatchcase(slug, about)))
            yield Claim(slug, tuple(marks["source"].split()), marks.get("symptom", ""), level(marks), test, beside)


def _marks(function: ast.FunctionDef, name: str) -> Iterator[dict[str, Any]]:
    """What the decorators of that name say."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == name:
            words = {str(word.arg): ast.literal_eval(word.value) for word in decorator.keywords}
            yield {"slug": ast.literal_eval(decorator.args[0]), **words}
