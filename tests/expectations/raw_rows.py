"""The rows of a staged release that the expectations on raw files judge."""

from __future__ import annotations

from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
FLOOR = VARS["privacy_floor_conversations"]
COUNTRY_THRESHOLD = VARS["country_threshold_conversations"]


def usable(values: str, problems: str, where: str, columns: str = "staged.*") -> str:
    """SQL of the usable rows of a layout: of its staging models of values and of
    problems."""
    return f"""
        select {columns}
        from staging.{values} as staged
        left join staging.{problems} as problems
            on
                staged.relative_path = problems.relative_path
                and staged.row_number = problems.row_number
        where coalesce(problems.is_usable, true) and {where}
    """


SAMPLE = "staged.release_id = '$release_id' and staged.platform = '$platform'"
# The usable rows of one platform of a release; its counts; the total of its sample.
ROWS = usable("stg_aei__facet_values", "stg_aei__row_problems", SAMPLE)
COUNTS = f"{ROWS} and measure = 'count'"
TASKS = f"{COUNTS} and facet = 'onet_task' and geo_level = 'global'"
CELLS = f"{COUNTS} and attribute_facet is not null"
# Rounded per-million counts are off by half a unit each.
ROUNDING = "case when any_value(count_basis) = 'per_million' then 0.5 else 0 end"
