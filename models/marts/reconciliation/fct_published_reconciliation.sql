-- grain: number_id
-- why: every figure that the reports print beside what the marts give under its
--      stated definition, and under the other definitions when that one fails
with

numbers as (

    select * from {{ ref('published_numbers') }}

),

figures as (

    select * from {{ ref('int_mart_figures') }}

),

term_values as (

    select
        terms.number_id,
        terms.definition_number,
        terms.definition_label,
        terms.term_number,
        terms.coefficient,
        terms.mart,
        figures.value,
        coalesce(figures.is_partial, false) as is_partial
    from {{ ref('published_number_terms') }} as terms
    inner join numbers using (number_id)
    left join figures
        on
            terms.mart = figures.mart
            and terms.measure = figures.measure
            and numbers.release_id = figures.release_id
            and numbers.platform = figures.platform
            and numbers.geo_level = figures.geo_level
            and numbers.geo_id = figures.geo_id
            and terms.allocation_rule is not distinct from figures.allocation_rule
            and terms.scope is not distinct from figures.scope
            and terms.estimator is not distinct from figures.estimator
            and terms.share_base is not distinct from figures.share_base
            and terms.category is not distinct from figures.category
            and terms.top_k is not distinct from figures.top_k
            and terms.task_key is not distinct from figures.task_key

),

-- Every definition of a number as one value; missing terms make it missing.
definitions as (

    select
        numbers.number_id,
        term_values.definition_number,
        any_value(term_values.definition_label) as definition_label,
        any_value(term_values.mart order by term_values.term_number) as mart,
        bool_or(term_values.is_partial) as is_partial,
        case
            when count(*) > count(term_values.value) then null
            when any_value(numbers.combination) = 'sum'
                then {{ exact_sum('term_values.coefficient * term_values.value') }}
            when any_value(numbers.combination) = 'product'
                then product(term_values.coefficient * term_values.value)
            when any_value(numbers.combination) = 'relative_difference_pct'
                then 100 * (
                    max(term_values.value) filter (where term_values.term_number = 1)
                    / nullif(
                        max(term_values.value)
                        filter (where term_values.term_number = 2),
                        0
                    )
                    - 1
                )
        end as computed_value
    from numbers
    inner join term_values using (number_id)
    group by numbers.number_id, term_values.definition_number

),

-- Half-up rounding of both sides to the printed decimals; the tiny nudge keeps a value
-- that is a half in decimal from falling below it in binary.
compared as (

    select
        definitions.*,
        floor(
            definitions.computed_value * pow(10, numbers.decimals) + 0.5 + 1e-9
        ) = floor(
            numbers.published_value * pow(10, numbers.decimals) + 0.5 + 1e-9
        ) as is_equal
    from definitions
    inner join numbers using (number_id)

),

stated as (

    select * from compared
    where definition_number = 1

),

others as (

    select
        number_id,
        min_by(definition_label, definition_number) as definition_label,
        min_by(computed_value, definition_number) as computed_value
    from compared
    where definition_number > 1 and is_equal and not is_partial
    group by number_id

),

loaded_releases as (

    select
        release_id,
        platform,
        is_simulated
    from {{ ref('dim_releases') }}
    where is_loaded

),

statuses as (

    select
        numbers.*,
        stated.mart,
        stated.computed_value,
        others.definition_label as other_definition,
        others.computed_value as other_computed_value,
        loaded_releases.release_id is not null as is_release_loaded,
        coalesce(loaded_releases.is_simulated, false) as is_simulated,
        -- A partial copy is complete for a figure when it has as many of the cells
        -- behind it as the report prints.
        coalesce(stated.is_partial, false)
        and not coalesce(evidence.is_equal, false) as is_partial,
        case
            when stated.computed_value is null then 'not_computable'
            when
                coalesce(stated.is_partial, false)
                and not coalesce(evidence.is_equal, false)
                then 'partial_input'
            when stated.is_equal then 'match'
            when others.number_id is not null then 'match_other_definition'
            else 'contradicted'
        end as status
    from numbers
    left join stated using (number_id)
    left join others using (number_id)
    left join stated as evidence on numbers.completeness_number_id = evidence.number_id
    left join loaded_releases using (release_id, platform)

),

final as (

    select
        number_id,
        source,
        section,
        release_id,
        platform,
        geo_level,
        geo_id,
        metric,
        published_scope,
        category,
        unit,
        decimals,
        definition,
        mart,
        published_value,
        computed_value,
        round((computed_value - published_value) * pow(10, decimals), 4)
            as difference_in_last_digits,
        status,
        case status
            when 'match'
                then
                    'The mart gives the printed figure under its stated definition.'
            when 'match_other_definition'
                then
                    'The stated definition gives ' || round(computed_value, 4)
                    || '; the printed figure comes out with ' || other_definition || '.'
            when 'contradicted'
                then
                    'No definition held here gives the printed figure; the stated'
                    || ' one gives '
                    || round(computed_value, 4) || '.'
                    || case
                        when
                            trunc(computed_value * pow(10, decimals))
                            = round(published_value * pow(10, decimals))
                            then
                                ' Cut off instead of rounded, it is the printed figure.'
                        else ''
                    end
            when 'partial_input'
                then
                    'The loaded copy lacks part of the cells behind this figure; '
                    || 'what it holds gives '
                    || round(computed_value, 4) || '.'
            else case
                when combination = 'excluded'
                    then
                        'The warehouse leaves this metric out on purpose.'
                when not is_release_loaded
                    then
                        'Release ' || release_id || ' (' || platform
                        || ') is not loaded: set AEI_DATA_DIR to a folder that holds'
                        || ' it.'
                else
                    'The loaded copy lacks the cells behind this figure in ' || mart
                    || ': see fct_cell_coverage.'
            end
        end || coalesce(' ' || finding, '') || coalesce(' (' || note || '.)', '')
            as explanation,
        is_release_loaded,
        is_simulated
    from statuses

)

select * from final
