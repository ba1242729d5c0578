{#- Fails with the keys that the parent lacks: dbt's relationships test for a key of
    several columns. NULL keys fail too. -#}
{% test has_parent(model, to, columns) %}
select
    {% for column in columns -%}
    child.{{ column }},
    {% endfor -%}
    count(*) as row_count,
    '{{ model.identifier }} has keys that {{ to.identifier }} lacks' as sentence
from {{ model }} as child
left join {{ to }} as parent
    on
        {% for column in columns -%}
        {{ 'and ' if not loop.first }}child.{{ column }} = parent.{{ column }}
        {% endfor %}
where parent.{{ columns[0] }} is null
group by
    {% for column in columns -%}
    child.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
{% endtest %}
