"""
What the claims are about: a registry of problems, asked by what they are and never by where they come from.

>>> from spec import problems
>>> problems.get("binomial-probit").X.shape
(1000, 3)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from spec.problems.by_construction import BY_CONSTRUCTION
from spec.problems.by_hand import BY_HAND
from spec.problems.combined import COMBINED
from spec.problems.problem import Data, NotInstalled, Problem, ProblemError, Published
from spec.problems.published import PUBLISHED
from spec.problems.sizes import SIZED

__all__ = [
    "ALL",
    "COMBINED",
    "LISTED",
    "SIZED",
    "Data",
    "NotInstalled",
    "Problem",
    "ProblemError",
    "Published",
    "Said",
    "get",
    "where",
]

ALL: tuple[Problem, ...] = (*BY_HAND, *BY_CONSTRUCTION, *PUBLISHED)
LISTED: tuple[Problem, ...] = (*ALL, *COMBINED, *SIZED)  # those that `get` knows


def where(
    *,
    family: type | None = None,
    link: type | None = None,
    kind: str | None = None,
    tag: str | None = None,
    among: Iterable[Problem] = ALL,
) -> list[Problem]:
    """The problems that have everything named. Raises LookupError where there is none: a claim about nothing is an error."""
    found = [
        problem
        for problem in among
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
    for problem in LISTED:
        if problem.name == name:
            return problem
    raise LookupError(f"no problem is called {name!r}; the names are {[str(p) for p in LISTED]}")


class Said(list[Any]):
    """
    The cases of a claim that is true of other problems too: it says of which, and what its cases about another one are.

    ``admits`` tells whether the claim can be said of a problem that a reader brings, by its model and by what it has; ``cases``
    makes the claim's cases of it. ``most`` is the number of rows up to which that takes seconds, where the claim needs the
    proof of other data than the problem's own.

    >>> from spec.links import Log
    >>> counts = Said(where(link=Log), admits=lambda problem: problem.model.link == Log())
    >>> counts.of(get("poisson-log")), counts.of(get("binomial-logit"))
    ([Problem('poisson-log', poisson-log)], [])
    """

    def __init__(
        self,
        usual: Iterable[Any],
        admits: Callable[[Problem], bool] = lambda problem: True,
        cases: Callable[[Problem], Iterable[Any]] = lambda problem: [problem],
        most: float = float("inf"),
    ) -> None:
        super().__init__(usual)
        self.admits, self.cases, self.most = admits, cases, most

    def of(self, problem: Problem) -> list[Any]:
        """The claim's cases about another problem; none where it cannot be said of that."""
        return list(self.cases(problem)) if self.admits(problem) else []
