"""What is read from the marts, one function per question. No figure is computed here:
the pairs of countries are comparisons of bounds that the marts hold."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from report.parts import ReportError, Row, Slice

NEEDED = (
    "bridge_assumption_columns",
    "dim_allocation_rules",
    "dim_geographies",
    "dim_interaction_patterns",
    "dim_occupation_groups",
    "dim_releases",
    "dim_sampling_assumptions",
    "dim_scopes",
    "fct_cell_coverage",
    "fct_education_shares",
    "fct_education_tasks",
    "fct_expectation_results",
    "fct_interaction_patterns",
    "fct_interval_calibration",
    "fct_occupation_group_shares",
    "fct_published_reconciliation",
    "fct_task_concentration",
    "fct_task_success",
    "fct_use_case_shares",
)
# Education and its parts; then what to compare them with.
SCOPE_KINDS = ("education", "subsector")
BASELINE = "non_education"
RULE = "any_holder"


class Warehouse:
    """A finished warehouse, opened read-only."""

    def __init__(self, file: Path) -> None:
        """Open the file; raises ReportError when it can't carry the report."""
        if not file.is_file():
            raise ReportError(
                f"There is no warehouse at {file}; expected the file that make "
                "warehouse publishes. Build it, or name another with --warehouse."
            )
        try:
            self._con = duckdb.connect(str(file), read_only=True)
        except duckdb.Error as error:
            raise ReportError(
                f"{file} can't be opened as a DuckDB file ({error}). Build it anew "
                "with make warehouse."
            ) from error
        try:
            self._check_tables(file)
            self.slices = self._read_slices()
            self._check_register(file)
        except BaseException:
            self._con.close()
            raise

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._con.close()

    def records(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query by column name; dates and numbers as Python has them."""
        result = self._con.execute(sql, parameters)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _check_tables(self, file: Path) -> None:
        found = {
            row["table_name"]
            for row in self.records(
                "select table_name from information_schema.tables "
                "where table_schema = 'marts'"
            )
        }
        missing = sorted(set(NEEDED) - found)
        if missing:
            raise ReportError(
                f"{file} lacks {len(missing)} of the {len(NEEDED)} marts that the "
                f"report reads: {', '.join('marts.' + name for name in missing)}. It "
                "was built by another state of the project: run make warehouse."
            )

    def _check_register(self, file: Path) -> None:
        for name in ("dim_sampling_assumptions", "bridge_assumption_columns"):
            if not self.records(f"select 1 from marts.{name} limit 1"):
                raise ReportError(
                    f"marts.{name} in {file} is empty: no figure is published "
                    "without its caveats. Run make warehouse."
                )

    def _read_slices(self) -> list[Slice]:
        rows = self.records(
            """
            select release_id, platform, product_label, taxonomy_version, count_basis,
                window_start_date, window_end_date, sample_count, file_status,
                licence, citation, is_simulated
            from marts.dim_releases
            where is_loaded
            order by is_simulated, window_start_date desc nulls last, release_id desc,
                platform desc
            """
        )
        if not rows:
            raise ReportError(
                "No release is loaded in this warehouse: marts.dim_releases has no "
                "row with is_loaded. Run make warehouse with AEI_DATA_DIR set to a "
                "folder that holds a release, or unset."
            )
        return [Slice(**row) for row in rows]


# The sample and what was checked ------------------------------------------------------


def releases(warehouse: Warehouse) -> list[Row]:
    """Every release that the manifest knows, oldest first, loaded or not."""
    return warehouse.records(
        """
        select release_id, platform, product_label, taxonomy_version, count_basis,
            window_start_date, window_end_date, sample_count, named_task_count,
            file_status, licence, citation, is_loaded, is_simulated
        from marts.dim_releases
        order by window_start_date nulls first, release_id, platform desc
        """
    )


def failed_warnings(warehouse: Warehouse) -> list[Row]:
    """The expectations of the latest run that failed, by expectation."""
    return warehouse.records(
        """
        select expectation_id, assumption_id, any_value(sentence) as sentence,
            string_agg(release_id || ' ' || platform, ', '
                order by release_id desc, platform desc) as slices,
            count(*) as slice_count
        from marts.fct_expectation_results
        where is_latest_run and not is_success
        group by expectation_id, assumption_id
        order by expectation_id
        """
    )


def register(warehouse: Warehouse) -> list[Row]:
    """The assumptions, those that nobody can check first."""
    return warehouse.records(
        """
        select assumption_id, assumption_name, statement, consequence, source, status
        from marts.dim_sampling_assumptions
        order by case status when 'not_checkable' then 1 when 'partly_checked' then 2
            else 3 end, assumption_name
        """
    )


def caveats(warehouse: Warehouse, mart: str, columns: tuple[str, ...]) -> list[Row]:
    """The assumptions that touch these columns of a mart, or the whole mart."""
    return warehouse.records(
        """
        select assumptions.assumption_id, assumptions.assumption_name,
            assumptions.consequence, assumptions.status,
            string_agg(bridge.column_name, ', ' order by bridge.column_name)
                as column_names
        from marts.dim_sampling_assumptions as assumptions
        inner join marts.bridge_assumption_columns as bridge using (assumption_id)
        where bridge.mart = ?
            and (bridge.column_name = '*' or list_contains(?, bridge.column_name))
        group by all
        order by array_position(
            ['not_checkable', 'partly_checked', 'checked'], any_value(status)
        ), assumption_name
        """,
        mart,
        list(columns),
    )


def coverage(warehouse: Warehouse, facet: str, geo_level: str) -> dict[Any, str]:
    """The status of a facet by release and platform; absent where not published."""
    return {
        (row["release_id"], row["platform"]): row["status"]
        for row in warehouse.records(
            "select release_id, platform, status from marts.fct_cell_coverage "
            "where facet = ? and geo_level = ?",
            facet,
            geo_level,
        )
    }


def rules(warehouse: Warehouse) -> list[Row]:
    """The allocation rules, widest first."""
    return warehouse.records(
        """
        select allocation_rule, rule_title, definition
        from marts.dim_allocation_rules
        order by case allocation_rule when 'any_holder' then 1 when 'lowest_code'
            then 2 when 'equal_split' then 3 else 4 end
        """
    )


def patterns(warehouse: Warehouse) -> list[Row]:
    """The named interaction patterns in their order, with what they mean."""
    return warehouse.records(
        """
        select pattern, pattern_title, meaning, mode, is_named_pattern
        from marts.dim_interaction_patterns
        order by sort_order
        """
    )


def scopes(warehouse: Warehouse) -> dict[str, str]:
    """The scopes that charts show, with their titles: education, parts, baselines."""
    return {
        row["scope"]: row["scope_title"]
        for row in warehouse.records(
            """
            select scope, scope_title
            from marts.dim_scopes
            order by case scope_kind when 'education' then 1 when 'subsector' then 2
                when 'comparison' then 3 else 4 end, scope_note
            """
        )
    }


def shown_scopes(warehouse: Warehouse) -> dict[str, str]:
    """Education, its subsectors and one baseline."""
    kinds = {
        row["scope"]: row["scope_kind"]
        for row in warehouse.records("select scope, scope_kind from marts.dim_scopes")
    }
    return {
        scope: title
        for scope, title in scopes(warehouse).items()
        if kinds[scope] in SCOPE_KINDS or scope == BASELINE
    }


# 1 How much ---------------------------------------------------------------------------


def education_shares(warehouse: Warehouse) -> list[Row]:
    """The education share of each slice by rule and base."""
    return warehouse.records(
        """
        select release_id, platform, allocation_rule, share_base, task_count,
            effective_task_count, conversation_count, base_conversation_count,
            unseen_conversation_count, share_pct, bound_low_pct, bound_high_pct,
            interval_low_pct, interval_high_pct, interval_kind,
            interval_missing_reason, status
        from marts.fct_education_shares
        where geo_level = 'global' and scope = 'education'
        order by all
        """
    )


def occupation_groups(warehouse: Warehouse) -> list[Row]:
    """Every occupation group under the widest rule, largest first."""
    return warehouse.records(
        """
        select shares.release_id, shares.platform, shares.soc_major_group,
            groups.group_title, shares.share_rank, shares.task_count,
            shares.conversation_count, shares.base_conversation_count,
            shares.share_pct, shares.bound_low_pct, shares.bound_high_pct,
            shares.interval_low_pct, shares.interval_high_pct, shares.interval_kind,
            shares.interval_missing_reason
        from marts.fct_occupation_group_shares as shares
        left join marts.dim_occupation_groups as groups using (soc_major_group)
        where shares.allocation_rule = ? and shares.share_base = 'all_conversations'
        order by shares.share_rank nulls last, shares.soc_major_group
        """,
        RULE,
    )


# 2 Who --------------------------------------------------------------------------------


def use_cases(warehouse: Warehouse) -> list[Row]:
    """Use cases of each global scope on each base."""
    return warehouse.records(
        """
        select release_id, platform, scope, share_base, use_case, task_count,
            task_with_use_case_count, conversation_count, base_conversation_count,
            share_pct, bound_low_pct, bound_high_pct, interval_low_pct,
            interval_high_pct, interval_kind, interval_missing_reason, status
        from marts.fct_use_case_shares
        where geo_level = 'global' and allocation_rule = ?
        order by all
        """,
        RULE,
    )


# 3 How --------------------------------------------------------------------------------


def pattern_shares(warehouse: Warehouse) -> list[Row]:
    """Interaction patterns of each scope by estimator."""
    return warehouse.records(
        """
        select release_id, platform, scope, estimator, pattern, task_count,
            task_with_pattern_count, task_publishing_pattern_count,
            effective_task_count, conversation_count, base_conversation_count,
            share_pct, bound_low_pct, bound_high_pct, interval_low_pct,
            interval_high_pct, interval_kind, interval_missing_reason,
            suppressed_pct, status
        from marts.fct_interaction_patterns
        where allocation_rule = ?
        order by all
        """,
        RULE,
    )


def pattern_calibration(warehouse: Warehouse) -> list[Row]:
    """How often the intervals of education patterns held a known truth."""
    return warehouse.records(
        """
        select batch, estimator, release_count, truth_count, inside_pct,
            mean_shift_points, verdict
        from marts.fct_interval_calibration
        where mart = 'fct_interaction_patterns' and scope = 'education'
            and interval_kind = 'shown' and estimator = 'all_conversations'
        order by batch desc
        """
    )


# 4 How well ---------------------------------------------------------------------------


def success(warehouse: Warehouse) -> list[Row]:
    """Success of each scope by estimator."""
    return warehouse.records(
        """
        select release_id, platform, scope, estimator, task_count,
            task_with_success_count, task_not_in_copy_count, effective_task_count,
            yes_count, base_conversation_count, scope_conversation_count, success_pct,
            bound_low_pct, bound_high_pct, interval_low_pct, interval_high_pct,
            interval_kind, interval_missing_reason, status
        from marts.fct_task_success
        where allocation_rule = ?
        order by all
        """,
        RULE,
    )


# 5 How concentrated -------------------------------------------------------------------


def concentration(warehouse: Warehouse) -> list[Row]:
    """Shares of the largest tasks, and the effective number of tasks, by scope."""
    return warehouse.records(
        """
        select release_id, platform, scope, share_base, top_k, task_count,
            conversation_count, base_conversation_count, share_pct,
            effective_task_count
        from marts.fct_task_concentration
        where allocation_rule = ?
        order by all
        """,
        RULE,
    )


def largest_tasks(warehouse: Warehouse, most: int = 10) -> list[Row]:
    """The largest education tasks of each slice."""
    return warehouse.records(
        """
        select release_id, platform, volume_rank, task_statement,
            education_subsector, conversation_count, base_conversation_count,
            volume_share_pct
        from marts.fct_education_tasks
        where volume_rank <= ?
        order by release_id, platform, volume_rank
        """,
        most,
    )


# 6 Where ------------------------------------------------------------------------------

# The range of a country is its bound (what the unseen leave open) or its interval (the
# week's draw). Nothing is ranked that is flagged: too small, anomalous, no country.
EDUCATION_BY_COUNTRY = """
    select shares.release_id, shares.platform, shares.geo_id,
        geographies.geo_name, shares.task_count, shares.conversation_count,
        shares.base_conversation_count, shares.unseen_conversation_count,
        shares.share_pct, shares.bound_low_pct, shares.bound_high_pct,
        shares.interval_low_pct, shares.interval_high_pct, shares.interval_kind,
        shares.interval_missing_reason, shares.status,
        shares.is_below_threshold, shares.is_anomalous,
        shares.bound_low_pct as range_low_pct, shares.bound_high_pct as range_high_pct,
        not shares.is_below_threshold and not shares.is_anomalous as is_ranked
    from marts.fct_education_shares as shares
    inner join marts.dim_geographies as geographies using (geo_level, geo_id)
    where shares.geo_level = 'country' and shares.scope = 'education'
        and shares.allocation_rule = 'any_holder'
        and shares.share_base = 'all_conversations'
        and not geographies.is_unclassified
"""
COURSEWORK_BY_COUNTRY = """
    select shares.release_id, shares.platform, shares.geo_id,
        geographies.geo_name, shares.conversation_count,
        shares.base_conversation_count, shares.share_pct, shares.bound_low_pct,
        shares.bound_high_pct, shares.interval_low_pct, shares.interval_high_pct,
        shares.interval_kind, shares.interval_missing_reason, shares.status,
        flags.is_below_threshold, flags.is_anomalous,
        shares.interval_low_pct as range_low_pct,
        shares.interval_high_pct as range_high_pct,
        shares.interval_low_pct is not null and not flags.is_below_threshold
            and not flags.is_anomalous as is_ranked
    from marts.fct_use_case_shares as shares
    inner join marts.dim_geographies as geographies using (geo_level, geo_id)
    inner join (
        select release_id, platform, geo_id, is_below_threshold, is_anomalous
        from marts.fct_education_shares
        where geo_level = 'country' and scope = 'education'
            and allocation_rule = 'any_holder' and share_base = 'all_conversations'
    ) as flags using (release_id, platform, geo_id)
    where shares.geo_level = 'country' and shares.use_case = 'coursework'
        -- A country's facet is the same under every rule.
        and shares.allocation_rule = 'any_holder'
        and shares.share_base = 'with_residual'
        and not geographies.is_unclassified
"""


def countries(warehouse: Warehouse, figures: str) -> list[Row]:
    """Countries with their range and the countries that it lies wholly above or below.

    ``figures`` is EDUCATION_BY_COUNTRY or COURSEWORK_BY_COUNTRY. A pair is separated
    when the range of one ends before that of the other begins; only ranked countries
    of the same release and platform are compared.
    """
    return warehouse.records(
        f"""
        with figures as ({figures}),

        pairs as (
            select one.release_id, one.platform, one.geo_id,
                count(*) filter (other.range_high_pct < one.range_low_pct)
                    as above_count,
                count(*) filter (other.range_low_pct > one.range_high_pct)
                    as below_count,
                count(*) as compared_count,
                string_agg(other.geo_id, ' ' order by other.geo_id)
                    filter (other.range_high_pct < one.range_low_pct) as above_geo_ids
            from figures as one
            inner join figures as other
                on one.release_id = other.release_id
                and one.platform = other.platform
                and one.geo_id <> other.geo_id
            where one.is_ranked and other.is_ranked
            group by one.release_id, one.platform, one.geo_id
        )

        select figures.*, pairs.above_count, pairs.below_count, pairs.compared_count,
            pairs.above_geo_ids,
            concat_ws(
                ', ',
                case when figures.is_anomalous then 'anomalous traffic' end,
                case when figures.is_below_threshold then 'too small to rank' end,
                case when figures.status = 'none_visible' then 'no task visible' end
            ) as flags
        from figures
        left join pairs using (release_id, platform, geo_id)
        order by figures.release_id, figures.platform,
            figures.base_conversation_count desc, figures.geo_id
        """
    )


def separated_pairs(rows: list[Row]) -> tuple[int, int]:
    """How many pairs of ranked countries are separated, of how many."""
    ranked = [row for row in rows if row["compared_count"] is not None]
    return (
        sum(row["above_count"] for row in ranked),
        len(ranked) * (len(ranked) - 1) // 2,
    )


# 9 Which published figures hold -------------------------------------------------------


def reconciliation(warehouse: Warehouse) -> list[Row]:
    """Every printed figure beside what the marts give, findings first."""
    return warehouse.records(
        """
        select number_id, source, section, release_id, platform, geo_level, geo_id,
            metric, published_scope, category, unit, decimals, definition, mart,
            published_value, computed_value, difference_in_last_digits, status,
            explanation
        from marts.fct_published_reconciliation
        order by case status when 'contradicted' then 1 when 'match_other_definition'
            then 2 when 'partial_input' then 3 when 'match' then 4 else 5 end,
            number_id
        """
    )
