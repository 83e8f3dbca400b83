"""The doctor: looks at what probing needs, outside and in the house, and says what to do."""

from verification.domain.doctor.examination import ask, examine, is_due, report, store

__all__ = ["ask", "examine", "is_due", "report", "store"]
