"""The error answers of this service."""

from services.common.error_answers import ErrorAnswers
from services.profile import metrics

ANSWERS = ErrorAnswers(metrics.ERRORS)
