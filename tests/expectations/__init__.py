"""Great Expectations suites for the sampling assumptions, as Python.

``raw_release`` judges the releases as staged, ``marts`` what is about to be published.
Each expectation names its assumption (seeds/reference/sampling_assumptions.csv); bounds
that a release may move are rows of seeds/reference/expectation_bounds.csv.
"""

from expectations.check import Check
from expectations.marts import MART_CHECKS
from expectations.raw_release import RAW_CHECKS

CHECKS: tuple[Check, ...] = (*RAW_CHECKS, *MART_CHECKS)

__all__ = ["CHECKS", "MART_CHECKS", "RAW_CHECKS", "Check"]
