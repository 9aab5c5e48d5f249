"""
The meaning of a formula's expressions: columns of whole numbers and of bools are numbers in them, as in R.

NumPy adds bools by "or", lets whole numbers overflow, takes the exponential of a bool in 16 bits, and ``^`` for a bitwise
operation. Here the operands of arithmetic and the arguments of functions are float64 first; ``&``, ``|`` and ``~`` stay logical.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
OF_LEVELS = ("C", "hashed")  # functions whose arguments are levels, which keep their names


def number(values: Any) -> Any:
    """Bools and whole numbers of an array or of a column as float64; all else as it is."""
    return values.astype(float) if _kind(values) in "biu" else values


def count(values: Any) -> Any:
    """The bools of an array or of a column as whole numbers; all else as it is."""
    return values.astype(int) if _kind(values) == "b" else values


def _kind(values: Any) -> str:
    """NumPy's letter for the type of an array or of a column; "O" for all else."""
    return str(getattr(values.dtype, "kind", "O")) if hasattr(values, "dtype") and np.ndim(values) else "O"


def either(one: Any, other: Any) -> Any:
    """Compute ``one ^ other`` for bools. Raises ValueError for numbers, since it is no power."""
    if {_kind(one), _kind(other)} != {"b"}:
        raise ValueError("^ is no power in Python: write **, as in I(x**2)")
    return one ^ other


NAMES = {"__number": number, "__count": count, "__either": either}  # as they are called in what is evaluated


def meant(expression: str) -> str:
    """An expression with its columns as numbers where it computes with them; names in backquotes stay as they are."""
    quoted: list[str] = re.findall(r"`[^`]+`", expression)
    plain = expression
    for place, name in enumerate(quoted):
        plain = plain.replace(name, f"__quoted_{place}__", 1)
    found = ast.unparse(_Numbers().visit(ast.parse(plain.strip(), mode="eval")))
    for place, name in enumerate(quoted):
        found = found.replace(f"__quoted_{place}__", name)
    return found


class _Numbers(ast.NodeTransformer):
    """Makes numbers of operands and arguments; whole numbers of the arguments of functions of levels."""

    name = "__number"

    def _made(self, node: ast.expr) -> ast.expr:
        if isinstance(node, (ast.Constant, ast.Starred)):
            return node
        return ast.Call(ast.Name(self.name, ast.Load()), [node], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.BitXor):
            return ast.Call(ast.Name("__either", ast.Load()), [node.left, node.right], [])
        if isinstance(node.op, ARITHMETIC):
            return ast.BinOp(self._made(node.left), node.op, self._made(node.right))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.UnaryOp(node.op, self._made(node.operand)) if isinstance(node.op, (ast.USub, ast.UAdd)) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        before = self.name
        of_levels = isinstance(node.func, ast.Name) and node.func.id in OF_LEVELS
        self.name = "__count" if of_levels else before
        self.generic_visit(node)
        self.name = before
        return node if of_levels else ast.Call(node.func, [self._made(one) for one in node.args], node.keywords)
