-- grain: assumption_id
-- why: what the figures rest on and what a reader must know, tied to what it affects
with

assumptions as (

    select
        assumption_id,
        assumption_name,
        statement,
        status,
        consequence,
        source
    from {{ ref('sampling_assumptions') }}

),

affected_columns as (

    select
        assumption_id,
        mart,
        column_name
    from {{ ref('sampling_assumption_columns') }}

),

affected_texts as (

    select
        assumption_id,
        count(*) as affected_column_count,
        string_agg(
            mart || case when column_name = '*' then '' else '.' || column_name end,
            ', '
            order by mart, column_name
        ) as affected_columns
    from affected_columns
    group by assumption_id

),

final as (

    select
        assumptions.assumption_id,
        assumptions.assumption_name,
        assumptions.statement,
        assumptions.consequence,
        affected_texts.affected_columns,
        assumptions.source,
        affected_texts.affected_column_count,
        assumptions.status
    from assumptions
    left join affected_texts using (assumption_id)

)

select * from final
