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
            else
                strftime(
                    {{ first_day }},
                    case
                        when year({{ first_day }}) = year({{ last_day }}) then '%-d %b'
                        else '%-d %b %Y'
                    end
                )
                || ' - ' || strftime({{ last_day }}, '%-d %b %Y')
        end
{%- endmacro %}
