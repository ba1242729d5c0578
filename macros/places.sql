{#- Whether a place has fewer conversations than Anthropic's analysis thresholds, which are
    not applied in the files of 2026. -#}
{% macro is_below_threshold(conversation_count, geo_level) -%}
    coalesce(
            {{ conversation_count }} < case {{ geo_level }}
                when 'country' then {{ var('country_threshold_conversations') }}
                when 'region' then {{ var('region_threshold_conversations') }}
            end,
            false
        )
{%- endmacro %}
