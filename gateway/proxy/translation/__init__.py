"""Requests of one dialect, served by providers that speak another.

What a client wants is read once (`translation`), written for each target whose turn it is
(`course`), and what the target answers goes the same way back: whole (`whole`), as a stream
(`relay`) or as an error (`errors`).

Rule: same dialect on both sides never comes here.
"""

from gateway.proxy.translation.course import Course
from gateway.proxy.translation.translation import Translation

__all__ = ["Course", "Translation"]
