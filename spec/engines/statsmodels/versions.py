"""The differences between versions of statsmodels, from 0.12 on, each in one place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import statsmodels
from packaging.version import Version
from statsmodels.genmod import families
from statsmodels.genmod.families import links
from statsmodels.tools import sm_exceptions

from spec.engines.statsmodels import own_links

try:
    from statsmodels.miscmodels.ordinal_model import OrderedModel
except ImportError:  # before 0.13
    OrderedModel = None

VERSION: str = statsmodels.__version__
RELEASE = Version(VERSION).release

NEWTON: dict[str, Any] = {} if RELEASE < (0, 14) else {"ridge_factor": 0}  # before 0.14 its ridge of 1e-10 cannot be switched off

SCALAR: dict[str, Any] = {} if RELEASE < (0, 13) else {"scalar": True}  # a Wald statistic as a number, without a warning


class _Never(Warning):
    """A warning that is never given."""


# given when the fitted means equal the responses; before 0.14 GLM raises PerfectSeparationError
PerfectSeparationWarning: type[Warning] = getattr(sm_exceptions, "PerfectSeparationWarning", _Never)


def link_class(name: str) -> Callable[..., Any] | None:
    """The class of a link, None where there is none. InversePower is inverse_power before 0.14, and so on."""
    theirs = getattr(links, name, None) or getattr(links, re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower(), None)
    return theirs or own_links.OWN.get(name)


def family(name: str, link: Any, **parameters: Any) -> Any:
    """statsmodels' family object with the link, whether or not its list of links has the pair."""
    kind = getattr(families, name)
    if RELEASE < (0, 14):  # check_link=False does not exist: widen the list itself
        return type(name, (kind,), {"links": [links.Link]})(link, **parameters)
    return kind(link, check_link=False, **parameters)


def declines(family: str, link: str) -> str | None:
    """The reason why this version has no model of the family and the link; None when it has one."""
    if link_class(link) is None:
        return f"statsmodels {VERSION} has no {link} link"
    if RELEASE < (0, 14) and family == "Tweedie":
        return f"statsmodels {VERSION} has no likelihood of Tweedie"
    return None
