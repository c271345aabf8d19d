"""Calendar expressions of residents: text, an instant and the working-day table give days and times, or a question.

    when = read("下周三上午", now, workdays)      # -> When(kind="found", spans=(2026-12-02,), window=06:00-12:00)

Pure: no I/O, no clock of its own, never raises on any text. Days are calendar days in Weihai. What is uncertain is
asked back with the readings to choose from; what was understood in a way that needs saying is in ``said``.
"""

from nlp.when.model import HORIZON_DAYS, Kind, Reading, Span, Trouble, When, Window
from nlp.when.reader import read

__all__ = ["HORIZON_DAYS", "Kind", "Reading", "Span", "Trouble", "When", "Window", "read"]
