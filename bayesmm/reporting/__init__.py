"""A fitted model as one page that explains itself: question, equations, data, answers, checks, recipe."""

from bayesmm.reporting.page import Report, report

__all__ = ["Report", "report"]
