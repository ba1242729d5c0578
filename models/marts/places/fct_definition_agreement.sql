-- grain: release_id, platform, window_start_date, definition_a, definition_b
-- why: do definitions of education rank countries alike? Spearman's rank correlation
--      over the countries that have both, and where they part most
with

education as (

    select * from {{ ref('fct_country_education') }}
    where
        geo_level = 'country'
        and not is_below_threshold
        and not is_anomalous
        and not is_residual

),

readings as (

    select
        *,
        share_pct as reading_pct
    from education
    union all by name
    -- the shares of countries that the seed report prints
    select
        *,
        'report' as definition,
        report_share_pct as reading_pct
    from (select * exclude (definition) from education) as printed

),

pairs as (

    select
        a.release_id,
        a.platform,
        a.window_start_date,
        a.definition as definition_a,
        b.definition as definition_b,
        a.geo_id,
        a.reading_pct as reading_a_pct,
        b.reading_pct as reading_b_pct,
        a.is_simulated
    from readings as a
    inner join readings as b
        on
            a.release_id = b.release_id
            and a.platform = b.platform
            and a.window_start_date = b.window_start_date
            and a.geo_id = b.geo_id
            and a.definition < b.definition
    where a.reading_pct is not null and b.reading_pct is not null

),

-- Ranks among the countries of the pair; equal shares get the mean of their ranks.
ranked as (

    select
        *,
        rank() over (pair order by reading_a_pct desc)
        + (
            count(*) over (
                pair order by reading_a_pct desc
                range between current row and current row
            ) - 1
        ) / 2.0 as rank_a,
        rank() over (pair order by reading_b_pct desc)
        + (
            count(*) over (
                pair order by reading_b_pct desc
                range between current row and current row
            ) - 1
        ) / 2.0 as rank_b
    from pairs
    window pair as (
        partition by
            release_id, platform, window_start_date, definition_a, definition_b
    )

),

final as (

    select
        release_id,
        platform,
        window_start_date,
        definition_a,
        definition_b,
        count(*) as country_count,
        -- Shares that are all equal have no order.
        case
            when
                count(*) >= 3
                and min(rank_a) < max(rank_a)
                and min(rank_b) < max(rank_b)
                then
                    -- Ranks are whole or half, and so sums of them are exact, which
                    -- corr() is not.
                    (count(*) * sum(rank_a * rank_b) - sum(rank_a) * sum(rank_b))
                    / sqrt(
                        (count(*) * sum(rank_a * rank_a) - sum(rank_a) * sum(rank_a))
                        * (count(*) * sum(rank_b * rank_b) - sum(rank_b) * sum(rank_b))
                    )
        end as rank_correlation,
        {{ exact_sum('abs(reading_a_pct - reading_b_pct)') }} / count(*)
            as mean_difference_pct,
        array_to_string(
            list(
                geo_id || ' (' || rank_a || ' and ' || rank_b || ')'
                order by abs(rank_a - rank_b) desc, geo_id
            )[1:5],
            ', '
        ) as most_disagreeing_countries,
        bool_and(is_simulated) as is_simulated
    from ranked
    group by release_id, platform, window_start_date, definition_a, definition_b

)

select * from final
