"""statsmodels from 0.12 on: what differs between its versions, each difference once."""

from __future__ import annotations

import re
from typing import Any

import statsmodels
from packaging.version import Version
from statsmodels.genmod import families
from statsmodels.genmod.families import links
from statsmodels.tools import sm_exceptions

try:
    from statsmodels.miscmodels.ordinal_model import OrderedModel
except ImportError:  # before 0.13
    OrderedModel = None

VERSION: str = statsmodels.__version__
RELEASE = Version(VERSION).release

NEWTON: dict[str, Any] = {} if RELEASE < (0, 14) else {"ridge_factor": 0}  # before, the ridge of 1e-10 cannot be taken away

SCALAR: dict[str, Any] = {} if RELEASE < (0, 13) else {"scalar": True}  # a Wald statistic as a number, and no warning that it is


class _Never(Warning):
    """What is not said."""


# of fitted means that are the responses; before 0.14 GLM raises PerfectSeparationError
PerfectSeparationWarning: type[Warning] = getattr(sm_exceptions, "PerfectSeparationWarning", _Never)


def link_class(name: str) -> Any:
    """The class of a link, None where there is none: InversePower was inverse_power before 0.14."""
    return getattr(links, name, None) or getattr(links, re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower(), None)


def family(name: str, link: Any, **parameters: Any) -> Any:
    """statsmodels' family object with the link, whether or not its list of links has the pair."""
    kind = getattr(families, name)
    if RELEASE < (0, 14):  # there is no check_link=False: the list itself is widened
        return type(name, (kind,), {"links": [links.Link]})(link, **parameters)
    return kind(link, check_link=False, **parameters)


def declines(family: str, link: str) -> str | None:
    """Why this version has no model of the family and the link; None when it has one."""
    if link_class(link) is None:
        return f"statsmodels {VERSION} has no {link} link"
    if RELEASE < (0, 14) and family == "Tweedie":
        return f"statsmodels {VERSION} has no likelihood of Tweedie"
    return None
