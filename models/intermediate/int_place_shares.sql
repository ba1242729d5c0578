-- grain: sample_id, geo_level, geo_id, facet, level, category, share_base
-- why: the published base facets and geography totals as they are, over the base that
--      the release gives them and, where labels are a closed list, over the named
--      ones alone; a label that a place does not publish is a row with its range
with

published as (

    select * from {{ ref('int_place_cells') }}

),

facet_labels as (

    select * from {{ ref('facet_labels') }}

),

own_samples as (

    select sample_id from {{ ref('int_samples') }}
    where is_own_data

),

-- A facet of a place with what it publishes, what it folds into its residual, and the
-- most that one folded cell can hold: under the floor of whole conversations (own data
-- fold more, so that nothing limits one); where counts are per million no folded cell
-- exceeds the smallest published one.
place_facets as (

    select
        sample_id,
        geo_level,
        geo_id,
        facet,
        any_value(facet_kind) as facet_kind,
        any_value(count_basis) as count_basis,
        level,
        count(*) filter (where label_kind = 'named') as published_label_count,
        sum(conversation_count) filter (where label_kind = 'named') as named_count,
        {{ exact_sum('published_pct', "filter (where label_kind = 'named')") }}
            as named_pct,
        coalesce(sum(conversation_count) filter (where label_kind = 'residual'), 0)
            as residual_count,
        100
        - {{ exact_sum('published_pct', "filter (where category <> 'unpublished')") }}
        + {{ exact_sum('half_unit_pct') }} as unpublished_pct,
        case any_value(count_basis)
            when 'conversations' then {{ var('privacy_floor_conversations') }} - 1
            else min(
                min(conversation_count) filter (where label_kind = 'named')
            ) over (partition by sample_id, facet)
        end as folded_cell_maximum_count
    from published
    where facet_kind = 'category'
    group by sample_id, geo_level, geo_id, facet, level

),

suppressed as (

    select
        place_facets.sample_id,
        place_facets.geo_level,
        place_facets.geo_id,
        place_facets.facet,
        place_facets.facet_kind,
        place_facets.level,
        place_facets.count_basis,
        facet_labels.label as category,
        'named' as label_kind,
        facet_labels.label_title,
        false as is_contradicted,
        'suppressed' as status,
        case
            when place_facets.count_basis <> 'percent_only'
                then
                    least(
                        case
                            when own_samples.sample_id is null
                                then place_facets.folded_cell_maximum_count
                        end,
                        place_facets.residual_count
                    )
        end as maximum_count,
        greatest(place_facets.unpublished_pct, 0) as maximum_pct
    from place_facets
    inner join facet_labels
        on
            place_facets.facet = facet_labels.facet
            and facet_labels.label_kind = 'named'
    left join own_samples using (sample_id)
    anti join published
        on
            place_facets.sample_id = published.sample_id
            and place_facets.geo_level = published.geo_level
            and place_facets.geo_id = published.geo_id
            and place_facets.facet = published.facet
            and place_facets.level = published.level
            and facet_labels.label = published.category

),

named_labels as (

    select
        facet,
        count(*) as named_label_count
    from facet_labels
    where label_kind = 'named'
    group by facet

),

cells as (

    select * from published
    union all by name
    select * from suppressed

),

based as (

    select
        cells.*,
        geography_totals.conversation_count as place_conversation_count,
        geography_totals.is_residual as is_residual_place,
        case
            when cells.count_basis = 'percent_only' then null
            when cells.facet_kind = 'geography_total' then cells.total_base_count
            else geography_totals.conversation_count
        end as base_conversation_count,
        place_facets.named_count,
        place_facets.named_pct,
        -- With a named label folded away, the named ones are not all of their kind.
        place_facets.published_label_count < named_labels.named_label_count
            as has_folded_label
    from cells
    inner join {{ ref('int_geography_totals') }} as geography_totals
        using (sample_id, geo_level, geo_id)
    left join place_facets using (sample_id, geo_level, geo_id, facet, level)
    left join named_labels using (facet)

),

share_bases as (

    select
        * exclude (has_folded_label),
        'all_conversations' as share_base,
        false as has_folded_label,
        case
            when count_basis = 'percent_only' then published_pct
            -- What an official file counts above its base is shown, without a share.
            when not is_contradicted or conversation_count <= base_conversation_count
                then 100 * conversation_count / nullif(base_conversation_count, 0)
        end as share_pct,
        case
            when status = 'suppressed' then 0
            else published_pct - half_unit_pct
        end as open_low_pct,
        case
            when status <> 'suppressed' then published_pct + half_unit_pct
            when count_basis = 'percent_only' then maximum_pct
            else 100 * maximum_count / nullif(base_conversation_count, 0)
        end as open_high_pct,
        0 as left_out_pct
    from based
    union all by name
    select
        * replace (named_count as base_conversation_count),
        'named_labels' as share_base,
        case
            when count_basis = 'percent_only' then 100 * published_pct / named_pct
            else 100 * conversation_count / nullif(named_count, 0)
        end as share_pct,
        case
            when count_basis = 'percent_only' then 100 - named_pct
            else 100 - 100 * named_count / nullif(place_conversation_count, 0)
        end as left_out_pct
    from based
    where label_kind = 'named' and status <> 'suppressed'

),

final as (

    select
        * exclude (open_low_pct, open_high_pct),
        -- A whole count of a complete cell leaves nothing open.
        case
            when share_base <> 'all_conversations' then null
            when open_low_pct < 0 then 0
            when open_low_pct is null and label_kind = 'named' then share_pct
            else open_low_pct
        end as bound_low_pct,
        case
            when share_base <> 'all_conversations' then null
            when open_high_pct > 100 then 100
            when open_high_pct is null and label_kind = 'named' then share_pct
            else open_high_pct
        end as bound_high_pct
    from share_bases

)

select * from final -- noqa: AM04
