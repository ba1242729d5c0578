-- grain: release_id, platform, window_start_date, definition, higher_geo_id,
--        lower_geo_id
-- why: which countries differ for sure: pairs whose ranges are apart; all other pairs
--      have no order
with

education as (

    select * from {{ ref('fct_country_education') }}
    where
        geo_level = 'country'
        and bound_low_pct is not null
        and share_pct is not null
        and not is_below_threshold
        and not is_anomalous
        and not is_residual

),

-- A range holds what suppression leaves open and, where counts are conversations, the
-- sampling error of both ends.
ranges as (

    select
        education.*,
        case samples.count_basis
            when 'conversations' then 'suppression_and_sampling'
            when 'percent_only' then 'rounding'
            else 'suppression'
        end as range_kind,
        case
            when samples.count_basis = 'conversations'
                then {{ wilson_pct(
                    'education.bound_low_pct / 100 * education.base_conversation_count',
                    'education.base_conversation_count',
                    -1
                ) }}
            else education.bound_low_pct
        end as range_low_pct,
        case
            when samples.count_basis = 'conversations'
                then {{ wilson_pct(
                    'education.bound_high_pct / 100 '
                    ~ '* education.base_conversation_count',
                    'education.base_conversation_count',
                    1
                ) }}
            else education.bound_high_pct
        end as range_high_pct
    from education
    inner join {{ ref('int_samples') }} as samples
        using (release_id, platform, window_start_date)

),

final as (

    select
        higher.release_id,
        higher.platform,
        higher.window_start_date,
        higher.definition,
        higher.geo_id as higher_geo_id,
        lower.geo_id as lower_geo_id,
        higher.range_kind,
        higher.share_pct as higher_share_pct,
        lower.share_pct as lower_share_pct,
        higher.range_low_pct as higher_range_low_pct,
        lower.range_high_pct as lower_range_high_pct,
        higher.range_low_pct - lower.range_high_pct as least_difference_pct,
        higher.is_simulated
    from ranges as higher
    inner join ranges as lower
        on
            higher.release_id = lower.release_id
            and higher.platform = lower.platform
            and higher.window_start_date = lower.window_start_date
            and higher.definition = lower.definition
            and higher.range_low_pct > lower.range_high_pct
    -- Per-million counts leave a complete cell without any range: no order is known.
    where
        higher.range_high_pct > higher.range_low_pct
        and lower.range_high_pct > lower.range_low_pct

)

select * from final
