{#- Whether a claim holds for one number: a value, a difference, a ratio or a rank. -#}
{% macro claim_holds(number) -%}
    case direction
            when 'higher' then {{ number }} > threshold
            when 'lower' then {{ number }} < threshold
            when 'at_least' then {{ number }} >= threshold
            when 'at_most' then {{ number }} <= threshold
            when 'about' then abs({{ number }} - threshold) <= tolerance_value
        end
{%- endmacro %}


{#- Whether a claim holds for every number of a range (yes), for none (no), or for some
    (open); NULL where there is no range. -#}
{% macro claim_answer(low, high) -%}
    case
            when {{ low }} is null or {{ high }} is null then null
            when {{ claim_holds(low) }} and {{ claim_holds(high) }} then 'yes'
            when {{ claim_holds(low) }} or {{ claim_holds(high) }} then 'open'
            -- Beside what is meant on both sides: it lies between.
            when direction = 'about' and {{ low }} < threshold and {{ high }} > threshold
                then 'open'
            else 'no'
        end
{%- endmacro %}


{#- What a claim is about: the value itself, or its distance from another. -#}
{% macro claim_measure(own, other) -%}
    case
            when not is_comparison then {{ own }}
            when unit = 'ratio' then {{ own }} / nullif({{ other }}, 0)
            else {{ own }} - {{ other }}
        end
{%- endmacro %}


{#- How many peers are ahead, and one; NULL where nothing is known of oneself. -#}
{% macro rank_among_peers(known, ahead) -%}
    case
            when any_value({{ known }}) is not null
                then count(*) filter (where {{ ahead }}) + 1
        end
{%- endmacro %}
