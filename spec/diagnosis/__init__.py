"""Why a network and a generalized linear model disagree: the cause is the other problem at whose optimum the numbers lie."""

from spec.diagnosis.answer import Answer
from spec.diagnosis.diagnose import diagnose
from spec.diagnosis.question import Question
from spec.diagnosis.result import Diagnosis

__all__ = ["Answer", "Diagnosis", "Question", "diagnose"]
