"""Great Expectations suites for the sampling assumptions, as Python.

The ``raw_`` modules, ``flat`` and ``monthly`` judge the releases as staged, the
``marts`` modules what is about to be published. Each expectation names its assumption
(seeds/reference/sampling_assumptions.csv); bounds that a release may move are rows of
seeds/reference/expectation_bounds.csv.
"""

from expectations.check import Check
from expectations.flat import FLAT_CHECKS
from expectations.marts import MART_CHECKS
from expectations.marts_places import MART_PLACE_CHECKS
from expectations.monthly import MONTHLY_CHECKS
from expectations.raw_places import PLACE_CHECKS
from expectations.raw_sample import SAMPLE_CHECKS
from expectations.raw_scales import SCALE_CHECKS

CHECKS: tuple[Check, ...] = (
    *SAMPLE_CHECKS,
    *PLACE_CHECKS,
    *SCALE_CHECKS,
    *FLAT_CHECKS,
    *MONTHLY_CHECKS,
    *MART_CHECKS,
    *MART_PLACE_CHECKS,
)

__all__ = ["CHECKS", "Check"]
