"""
Why a network and a generalized linear model disagree: the cause is the other problem at whose proven optimum the numbers lie.

`diagnose` is for a reader's own network or coefficients, `spec.diagnosis.explain.explain` for a question and an answer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spec.diagnosis.answer import Answer
    from spec.diagnosis.brought import diagnose
    from spec.diagnosis.question import Question
    from spec.diagnosis.result import Diagnosis

__all__ = ["Answer", "Diagnosis", "Question", "diagnose"]
_WHERE = {"Answer": "answer", "Diagnosis": "result", "Question": "question", "diagnose": "brought"}


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used: the claims need no files, formulas or networks of a reader."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
