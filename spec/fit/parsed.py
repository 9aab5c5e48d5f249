"""A formula as its response and its terms, by the package formulaic; the columns that it names, and what is no formula."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from spec.compat import first_line
from spec.fit.frames import Table

FOREIGN = {
    "offset": "give the offset beside the formula, such as offset='log(exposure)'",
    "cbind": "give the share of successes as the response, and weights= the trials",
    "factor": "write C(...)",
    "as.factor": "write C(...)",
    "relevel": "write C(x, contr.treatment('level'))",
    "ifelse": "write np.where(...)",
    "s": "write cr(..., df=4, constraints='center')",
    "ns": "write cr(..., df=4, constraints='center')",
}
NO_SCALE = "{formula}: a number scales no term; write such as I(10 * x)."


def formulaic(module: str = "formulaic") -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError("formulas need the package formulaic: pip install formulaic") from error


def formula_of(text: str, columns: Sequence[str] = ()) -> Any:
    """The formula that is written, for ``.`` to stand for all columns but the response."""
    context = {"__formulaic_variables_available__": list(columns)}
    try:
        return formulaic().Formula(text, _context=context)
    except SyntaxError as error:
        raise ValueError(f"{text!r} has what is no expression of Python: {error.msg}.") from error
    except formulaic("formulaic.errors").FormulaicError as error:
        shown = first_line(error)
        if "caling terms" in shown:  # it advises 2:x
            raise ValueError(NO_SCALE.format(formula=repr(text))) from error
        advice = "Write such as 'y ~ x + C(group)'."
        if "Unknown operator" in shown:
            advice = "A comparison stands in I(...), such as I(x > 0), and a name with other signs in backticks, such as `a-b`."
        raise ValueError(f"{text!r} is no formula: {shown} {advice}") from error


def parsed(formula: str, columns: Sequence[str]) -> tuple[Any, Any]:
    """Return (lhs, rhs): the response and the terms of a formula."""
    for word, advice in FOREIGN.items():
        if re.search(rf"(?<![\w.]){re.escape(word)}\(", formula):
            raise ValueError(f"formulas have no {word}(): {advice}.")
    _refuse_arithmetic(formula)
    parsed = formula_of(formula, columns)
    lhs: Any = getattr(parsed, "lhs", ())
    rhs: Any = getattr(parsed, "rhs", ())
    if not len(lhs) or lhs[0] == "1":
        raise ValueError(f"{formula!r} has no response: write it before the ~, as in 'y ~ x'.")
    if isinstance(lhs, tuple) or len(lhs) > 1 or len(lhs[0].factors) > 1 or isinstance(rhs, tuple):
        if isinstance(rhs, tuple):
            raise ValueError(f"{formula!r}: formulas have no |, for fixed effects or groups: write + C(g) for a factor g.")
        raise ValueError(
            f"{formula!r}: a formula has one response and one list of terms, as in 'y ~ x + z'; a quotient is I(n / exposure)."
        )
    if any(len(term.factors) > 1 and any(one.eval_method.value == "literal" for one in term.factors) for term in rhs):
        raise ValueError(NO_SCALE.format(formula=repr(formula)))  # a column 10 x would be called x
    if not len(rhs):
        raise ValueError(f"{formula!r} has no terms: without an intercept there is nothing to fit.")
    return lhs, rhs


ATOMS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant, ast.Set, ast.Dict)


def _refuse_arithmetic(formula: str) -> None:
    """
    Raise ValueError for a sign that means no arithmetic in a formula, and would be taken for another without a word.

    y - x is y there, since it leaves a term x out, and y**2 is y, since it is y beside its interactions with itself.
    """
    if "%in%" in re.sub("`[^`]*`", "", formula):
        raise ValueError(f"{formula!r}: a %in% b is b + a:b to some programs, and a:b alone in R: write the one that is meant.")
    response, tilde, terms = formula.partition("~")
    left, right = _python(response), _python(terms)
    if tilde and left is not None and not isinstance(left, ATOMS) and not isinstance(getattr(left, "op", None), ast.Add):
        written = response.strip()
        inner = f"({written})"
        raise ValueError(f"{written!r} before the ~ would be taken for terms, and no number: write I{inner.replace('^', '**')}.")
    for node in _terms(right):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.left, ATOMS):
            written = ast.unparse(node)
            raise ValueError(f"{formula!r}: {written} is {ast.unparse(node.left)} itself in a formula. Write I({written}).")


def _python(text: str) -> ast.expr | None:
    """A side of a formula as Python reads it, with other operators for its own; None where it is none, or very long."""
    quoted = re.sub(r"`([^`]*)`", lambda name: re.sub(r"\W", "_", f"_{name[1]}"), text)
    quoted = " ".join(quoted.split()).replace("^", "**").replace(":", "@")
    try:
        return ast.parse(quoted, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        return None


def _terms(node: ast.AST | None) -> Iterator[ast.AST]:
    """Yield the operators of a side of a formula, and what they join, but not what stands inside functions."""
    waiting = [] if node is None else [node]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            waiting += ast.iter_child_nodes(node)


def needs(expression: Any, table: Table) -> list[str]:
    """The columns that weights or an offset are made of; none if they are an array."""
    if not isinstance(expression, str):
        return []
    return [expression] if expression in table.columns else names_of(formula_of(f"0 + {{{expression}}}"))


def names_of(formula: Any) -> list[str]:
    """The names in a formula that columns need to have, and the names of functions that do not exist."""
    names: list[str] = []
    for factor in (factor for term in formula for factor in term.factors):
        if factor.eval_method.value == "lookup":
            names.append(factor.expr)
        elif factor.eval_method.value == "python":
            names += re.findall(r"`([^`]+)`|\bQ\([\"']([^\"']+)", factor.expr)  # quoted names, which are no Python
            nodes = list(ast.walk(_parsed_python(factor.expr)))
            called = [node.func for node in nodes if isinstance(node, ast.Call)]
            named = [node for node in nodes if isinstance(node, ast.Name) and not (node in called and _is_function(node.id))]
            names += [f"{node.id}()" if node in called else node.id for node in named]
    return list(dict.fromkeys(name if isinstance(name, str) else name[0] or name[1] for name in names))


def _parsed_python(expression: str) -> ast.Expression:
    try:
        return ast.parse(re.sub(r"`[^`]+`", "0", expression), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r} in the formula is no expression of Python: {error.msg}.") from error


def _is_function(name: str) -> bool:
    return hasattr(builtins, name) or name in formulaic("formulaic.transforms").TRANSFORMS


def known_columns(names: Sequence[str], table: Table) -> list[str]:
    """The names that are columns. Raises ValueError for a name that is neither a column nor a function."""
    if unknown := [name for name in names if name not in table.columns and not _is_function(name)]:
        if functions := [name for name in unknown if name.endswith("()")]:
            of_numpy = (
                f"NumPy's is np.{functions[0]}" if callable(getattr(np, functions[0][:-2], None)) else "make a column of it"
            )
            raise ValueError(f"formulas have no function {functions[0]}, but such as log(), C(), bs() and poly(): {of_numpy}.")
        of_numpy = "".join(f" NumPy's function is np.{name}." for name in unknown if callable(getattr(np, name, None)))
        if "pd" in unknown or "pandas" in unknown:
            of_numpy = " What pandas makes, such as pd.cut, is made before: a column of the data, such as C(age_group)."
        odd = [column for column in table.columns if not column.isidentifier() and set(re.split(r"\W+", column)) & set(unknown)]
        quoted = f" In a formula the name of {odd[0]} stands in backticks: `{odd[0]}`." if odd else of_numpy
        raise ValueError(f"there is no column {', '.join(unknown)}: the columns are {', '.join(table.columns)}.{quoted}")
    return list(dict.fromkeys(name for name in names if name in table.columns))
