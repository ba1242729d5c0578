-- grain: release_id, platform, geo_level, geo_id, facet, level, category, share_base
-- why: the published base facets and geography totals as they are, over the base that
--      the release gives them and, where labels are a closed list, over the named
--      ones alone
with

facet_cells as (

    select * from {{ ref('int_facet_cells') }}
    where
        attribute_facet is null and is_usable and conversation_count is not null

),

cell_problems as (

    select distinct
        relative_path,
        row_number
    from {{ ref('int_cell_problems') }}

),

facet_labels as (

    select * from {{ ref('facet_labels') }}

),

named_labels as (

    select
        facet,
        count(*) as named_label_count
    from facet_labels
    where label_kind = 'named'
    group by facet

),

geography_totals as (

    select * from {{ ref('int_geography_totals') }}

),

samples as (

    select * from {{ ref('int_samples') }}

),

anomalies as (

    select * from {{ ref('anomalous_geographies') }}

),

based as (

    select
        facet_cells.*,
        facet_labels.label_kind,
        geography_totals.conversation_count as place_conversation_count,
        geography_totals.is_residual as is_residual_place,
        facet_cells.row_check_name is not null
        or cell_problems.relative_path is not null as is_contradicted,
        case
            when facet_cells.facet_kind = 'geography_total'
                then coalesce(
                    facet_cells.stated_base_count,
                    sum(facet_cells.conversation_count) over (
                        partition by
                            facet_cells.sample_id, facet_cells.facet,
                            case
                                when facet_cells.facet = 'country-state'
                                    then split_part(facet_cells.geo_id, '-', 1)
                            end
                    )
                )
            else geography_totals.conversation_count
        end as base_conversation_count,
        sum(facet_cells.conversation_count)
        filter (where facet_labels.label_kind = 'named') over place_facet
            as named_conversation_count,
        -- With a named label folded away, the named ones are not all of their kind.
        count(*) filter (where facet_labels.label_kind = 'named') over place_facet
        < named_labels.named_label_count as has_folded_label
    from facet_cells
    inner join geography_totals
        on
            facet_cells.sample_id = geography_totals.sample_id
            and facet_cells.geo_level = geography_totals.geo_level
            and facet_cells.geo_id = geography_totals.geo_id
    left join cell_problems
        on
            facet_cells.relative_path = cell_problems.relative_path
            and facet_cells.row_number = cell_problems.row_number
    left join facet_labels
        on
            facet_cells.facet = facet_labels.facet
            and facet_cells.cluster_name = facet_labels.label
    left join named_labels on facet_cells.facet = named_labels.facet
    window place_facet as (
        partition by
            facet_cells.sample_id, facet_cells.geo_level, facet_cells.geo_id,
            facet_cells.facet, facet_cells.level
    )

),

share_bases as (

    select
        * exclude (has_folded_label),
        'all_conversations' as share_base,
        false as has_folded_label
    from based
    union all by name
    select
        * replace (named_conversation_count as base_conversation_count),
        'named_labels' as share_base
    from based
    where label_kind = 'named'

),

final as (

    select
        samples.release_id,
        samples.platform,
        share_bases.geo_level,
        share_bases.geo_id,
        share_bases.facet,
        share_bases.level,
        case
            when share_bases.facet_kind = 'geography_total' then 'all'
            else share_bases.cluster_name
        end as category,
        share_bases.share_base,
        share_bases.conversation_count,
        share_bases.base_conversation_count,
        -- What an official file counts above its base is shown, without a share.
        case
            when
                not share_bases.is_contradicted
                or share_bases.conversation_count
                <= share_bases.base_conversation_count
                then
                    100 * share_bases.conversation_count
                    / nullif(share_bases.base_conversation_count, 0)
        end as share_pct,
        {{ wilson_interval_columns(
            'share_bases.conversation_count',
            'share_bases.base_conversation_count',
            "case when samples.count_basis <> 'conversations' then 'per_million_counts' "
            ~ "when share_bases.is_contradicted then 'contradicted' "
            ~ "when share_bases.is_residual_place "
            ~ "or share_bases.cluster_name = 'not_classified' then 'residual' "
            ~ "when share_bases.has_folded_label then 'suppressed_cells' end"
        ) }},
        case
            when share_bases.share_base = 'all_conversations'
                then share_bases.published_pct
        end as published_pct,
        case
            when share_bases.is_contradicted then 'contradicted'
            when share_bases.geo_id = 'unpublished' then 'unpublished'
            when share_bases.cluster_name = 'not_classified' then 'residual'
            else 'observed'
        end as status,
        {{ is_below_threshold(
            'share_bases.place_conversation_count', 'share_bases.geo_level'
        ) }} as is_below_threshold,
        anomalies.geo_id is not null as is_anomalous,
        samples.is_simulated
    from share_bases
    inner join samples on share_bases.sample_id = samples.sample_id
    left join anomalies
        on
            samples.release_id = anomalies.release_id
            and share_bases.geo_level = anomalies.geo_level
            and share_bases.geo_id = anomalies.geo_id

)

select * from final
