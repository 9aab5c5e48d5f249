"""A model by the names of its family and its link, as formulas and command lines give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from spec.families import FAMILIES, Family, Gamma, NegativeBinomial, Tweedie
from spec.fit.numeric import reads_as_number
from spec.links import LINKS, Link, Log
from spec.model import Model

ONES_OF_OURS = {"family": "spec.families, such as Poisson()", "link": "spec.links, such as Log()"}
KINDS = {"family": "families", "link": "links"}
OTHER_NAMES = {  # of families, in other programs
    "logistic": "binomial",
    "logit": "binomial",
    "bernoulli": "binomial",
    "normal": "gaussian",
    "ols": "gaussian",
    "nb": "negative-binomial(1)",
    "nb2": "negative-binomial(1)",
    "negbin": "negative-binomial(1)",
    "invgauss": "inverse-gaussian",
    "mnlogit": "multinomial",
    "softmax": "multinomial",
    "categorical": "multinomial",
}
ORDINAL = ("ordinal", "cumulative", "polr", "orderedmodel", "proportionalodds")


def model_of(family: str | Family, link: str | Link | None) -> Model:
    """The family and the link, by their names or as they are."""
    family = _named(family, FAMILIES, "family") if isinstance(family, str) else family
    for what, given, kind in (("family", family, Family), ("link", link, (Link, str, type(None)))):
        if not isinstance(given, kind):
            module = type(given).__module__.partition(".")[0]
            raise TypeError(f"{what} is a {type(given).__name__} of {module}: give a name, or one of {ONES_OF_OURS[what]}.")
    if link is None:
        link = Log() if isinstance(family, (Gamma, NegativeBinomial, Tweedie)) else family.canonical_link
    return Model(family, _named(link, LINKS, "link") if isinstance(link, str) else link)


def _named(name: str, known: Sequence[Any], what: str) -> Any:
    """The family or the link of a name, such as "inverse-gaussian", "tweedie(1.5)" or "negative-binomial(alpha=0.5)"."""
    parts = re.fullmatch(r"([\w -]+?)\s*(?:\((?:\s*(\w+)\s*=)?\s*([^()]*?)\s*\))?", name.strip().lower())
    word, key, number = parts.groups() if parts else (name, None, None)
    kinds = {re.sub(r"\(.*|-", "", str(one)): type(one) for one in known}
    kind = kinds.get(short := re.sub(r"[-_ ]", "", word))
    if kind is None and short in ORDINAL:
        raise ValueError(f"unknown {what} {name!r}: an ordinal model has one slope for all classes, which no softmax has.")
    if kind is None:
        plain, is_quasi = short.replace("quasi", ""), " with quasi=True" * short.startswith("quasi")
        other = OTHER_NAMES.get(plain, plain if plain in kinds else None) if what == "family" else None
        meant = f" Did you mean {other!r}{is_quasi}?" if other else ""
        names = ", ".join(dict.fromkeys(map(str, known)))
        raise ValueError(f"unknown {what} {name!r}; the {KINDS[what]} are {names}.{meant}")
    asked = [field.name for field in fields(kind)]
    if not asked and number is not None:
        beside = " Give link= beside the family." if key == "link" else ""
        raise ValueError(f"{what} {name!r}: {word} takes no number.{beside}")
    if asked and (not number or key not in (None, asked[0]) or not reads_as_number(number)):
        raise ValueError(f"{what} {name!r}: write {word}({asked[0]}), with a number for {asked[0]}.")
    return kind(*map(float, [number] if number else []))
