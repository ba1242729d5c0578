{#- A window as a reader thinks of it, from its first and last day: Apr 2026,
    13-20 Nov 2025, 24 Feb - 6 Mar 2025. -#}
{% macro window_label(first_day, last_day) -%}
    case
            when {{ first_day }} = date_trunc('month', {{ first_day }})
                and {{ last_day }} = last_day({{ first_day }})
                then strftime({{ first_day }}, '%b %Y')
            when date_trunc('month', {{ first_day }}) = date_trunc('month', {{ last_day }})
                then
                    strftime({{ first_day }}, '%-d') || '-'
                    || strftime({{ last_day }}, '%-d %b %Y')
            when year({{ first_day }}) = year({{ last_day }})
                then
                    strftime({{ first_day }}, '%-d %b') || ' - '
                    || strftime({{ last_day }}, '%-d %b %Y')
            else
                strftime({{ first_day }}, '%-d %b %Y') || ' - '
                || strftime({{ last_day }}, '%-d %b %Y')
        end
{%- endmacro %}


{#- The ends of what rounding hides of a printed percentage: half a unit to each side;
    NULL where no rounding is stated. -#}
{% macro rounded_bounds(pct, half_unit) -%}
    case when {{ half_unit }} is not null then greatest({{ pct }} - {{ half_unit }}, 0) end
            as bound_low_pct,
        case when {{ half_unit }} is not null then least({{ pct }} + {{ half_unit }}, 100) end
            as bound_high_pct
{%- endmacro %}
