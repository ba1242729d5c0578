"""Expectations on the statistics that marts leave out: their units and scales."""

from __future__ import annotations

from expectations.check import Check, bounded
from expectations.raw_rows import ROWS


def _on_its_scale(
    expectation_id: str,
    assumption_id: str,
    facets: str,
    measure: str,
    sentence: str,
) -> Check:
    """The global mean and median of the facets (an SQL list) lie within a bound."""
    return bounded(
        expectation_id=expectation_id,
        assumption_id=assumption_id,
        severity="warning",
        sentence=sentence,
        expected="a global mean and median of $lowest to $highest $unit ($basis)",
        measure=measure,
        keys=("variable", "measured"),
        rows=f"""
            select
                variable,
                value as measured
            from ({ROWS})
            where
                facet in ({facets})
                and geo_level = 'global'
                and variable in (facet || '_mean', facet || '_median')
        """,
    )


SCALE_CHECKS: tuple[Check, ...] = (
    _on_its_scale(
        "time_with_the_model_is_in_minutes",
        "time_unit",
        "'human_with_ai_time'",
        "human_with_ai_minutes",
        "Time with the model is not in minutes in this file; figures on time taken "
        "from the raw file would be off by a factor of sixty.",
    ),
    _on_its_scale(
        "time_of_a_person_is_in_hours",
        "time_unit",
        "'human_only_time'",
        "human_only_hours",
        "Time of a person alone is not in hours in this file; figures on time taken "
        "from the raw file would be off by a factor of sixty.",
    ),
    _on_its_scale(
        "autonomy_runs_from_one_to_five",
        "numeric_scales",
        "'ai_autonomy'",
        "autonomy_score",
        "Autonomy is on another scale in this file; it can't be read beside that of "
        "other releases.",
    ),
    _on_its_scale(
        "education_is_in_years",
        "numeric_scales",
        "'human_education_years', 'ai_education_years'",
        "education_years",
        "Education years are on another scale in this file; they can't be read beside "
        "those of other releases.",
    ),
)
