-- grain: release_id, platform, window_start_date, geo_level, geo_id, facet, level,
--        category, share_base
-- why: the published base facets and geography totals of a sample and its places, with
--      a row for each label that a place does not publish
select
    samples.release_id,
    samples.platform,
    samples.window_start_date,
    shares.geo_level,
    shares.geo_id,
    shares.facet,
    shares.level,
    shares.category,
    coalesce(shares.node_name, shares.label_title, shares.category)
        as category_title,
    shares.share_base,
    shares.conversation_count,
    shares.base_conversation_count,
    shares.share_pct,
    {{ wilson_interval_columns(
        'shares.conversation_count',
        'shares.base_conversation_count',
        "case when samples.count_basis = 'percent_only' then 'percent_only' "
        ~ "when shares.status = 'suppressed' then 'suppressed_cells' "
        ~ "when samples.count_basis <> 'conversations' then 'per_million_counts' "
        ~ "when shares.is_contradicted then 'contradicted' "
        ~ "when shares.is_residual_place "
        ~ "or shares.status = 'residual' then 'residual' "
        ~ "when shares.has_folded_label then 'suppressed_cells' end"
    ) }},
    shares.bound_low_pct,
    shares.bound_high_pct,
    shares.left_out_pct,
    case
        when
            shares.share_base = 'all_conversations'
            and shares.status <> 'unpublished'
            then shares.published_pct
    end as published_pct,
    case when shares.is_contradicted then 'contradicted' else shares.status end
        as status,
    places.is_below_threshold,
    places.is_anomalous,
    samples.is_simulated
from {{ ref('int_place_shares') }} as shares
inner join {{ ref('int_samples') }} as samples using (sample_id)
inner join {{ ref('int_geography_totals') }} as places
    using (sample_id, geo_level, geo_id)
