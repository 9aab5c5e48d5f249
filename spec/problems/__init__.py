"""
What the claims are about: a registry of problems, asked by what they are and never by where they come from.

>>> from spec import problems
>>> problems.get("binomial-probit").X.shape
(1000, 3)
"""

from __future__ import annotations

from spec.problems.by_construction import BY_CONSTRUCTION
from spec.problems.by_hand import BY_HAND
from spec.problems.problem import Data, Problem, ProblemError, Published
from spec.problems.published import PUBLISHED

__all__ = ["ALL", "Data", "Problem", "ProblemError", "Published", "get", "where"]

ALL: tuple[Problem, ...] = (*BY_HAND, *BY_CONSTRUCTION, *PUBLISHED)


def where(
    *, family: type | None = None, link: type | None = None, kind: str | None = None, tag: str | None = None
) -> list[Problem]:
    """The problems that have everything named. Raises LookupError where there is none: a claim about nothing is an error."""
    found = [
        problem
        for problem in ALL
        if (family is None or isinstance(problem.model.family, family))
        and (link is None or isinstance(problem.model.link, link))
        and (kind is None or problem.kind == kind)
        and (tag is None or tag in problem.tags)
    ]
    if not found:
        raise LookupError(
            f"no problem has family={family}, link={link}, kind={kind}, tag={tag}; the names are {[str(p) for p in ALL]}"
        )
    return found


def get(name: str) -> Problem:
    """The problem of that name."""
    for problem in ALL:
        if problem.name == name:
            return problem
    raise LookupError(f"no problem is called {name!r}; the names are {[str(p) for p in ALL]}")
