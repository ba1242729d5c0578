"""Comparisons of countries and agreement of definitions, computed a second time."""

from __future__ import annotations

import math
from itertools import combinations, permutations

from conftest import Build
from oracle_intervals import wilson_pct
from scipy.stats import spearmanr

Key = tuple[str, str, object]
COUNTRIES = """
    select education.release_id, education.platform, education.window_start_date,
        definition, geo_id, share_pct, bound_low_pct, bound_high_pct,
        base_conversation_count, count_basis
    from marts.fct_country_education as education
    inner join marts.dim_releases using (release_id, platform, window_start_date)
    where geo_level = 'country' and share_pct is not null
        and not is_below_threshold and not is_anomalous and not is_residual
"""


def test_pairs_are_those_whose_ranges_are_apart(shipped_warehouse: Build) -> None:
    ranges: dict[tuple[object, ...], dict[str, tuple[float, float]]] = {}
    for *key, country, _, low, high, base, basis in shipped_warehouse.query(COUNTRIES):
        if basis == "conversations":
            low, high = (
                wilson_pct(share * base / 100, base)[side]
                for side, share in enumerate((low, high))
            )
        ranges.setdefault(tuple(key), {})[country] = (low, high)
    own = {
        (*key, higher, lower)
        for key, countries in ranges.items()
        for higher, lower in permutations(countries, 2)
        if countries[higher][0] > countries[lower][1]
    }
    shown = shipped_warehouse.query(
        "select release_id, platform, window_start_date, definition, higher_geo_id, "
        "lower_geo_id from marts.fct_country_comparisons"
    )
    assert len(shown) == len(set(shown)) > 100
    assert set(shown) == own


def test_agreement_is_the_rank_correlation(shipped_warehouse: Build) -> None:
    shares: dict[Key, dict[str, dict[str, float]]] = {}
    for (
        release,
        platform,
        day,
        definition,
        country,
        share,
        *_,
    ) in shipped_warehouse.query(COUNTRIES):
        of_sample = shares.setdefault((release, platform, day), {})
        of_sample.setdefault(definition, {})[country] = share
    own = {}
    for key, definitions in shares.items():
        for one, other in combinations(sorted(definitions), 2):
            both = sorted(definitions[one].keys() & definitions[other].keys())
            if len(both) >= 3:
                pairs = [[definitions[d][c] for c in both] for d in (one, other)]
                own[*key, one, other] = len(both), spearmanr(*pairs).statistic
    shown = {
        tuple(row[:5]): row[5:]
        for row in shipped_warehouse.query(
            "select release_id, platform, window_start_date, definition_a, "
            "definition_b, country_count, rank_correlation "
            "from marts.fct_definition_agreement where rank_correlation is not null"
        )
    }
    assert own.keys() == shown.keys()
    for key, (count, correlation) in own.items():
        assert shown[key][0] == count
        assert math.isclose(shown[key][1], correlation, abs_tol=1e-9)
