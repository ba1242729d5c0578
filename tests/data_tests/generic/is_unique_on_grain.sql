{#- Fails with the keys that stand in more than one row. The grain is the list in the
    model's own `config.meta.grain`, so that docs and test cannot part. -#}
{% test is_unique_on_grain(model) %}
    {%- set grain = ['null'] -%}
    {%- if execute -%}
        {%- set nodes = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'model')
            | selectattr('name', 'equalto', model.identifier)
            | list -%}
        {%- set grain = (nodes | first).config.meta.grain -%}
    {%- endif %}
select
    {{ grain | join(', ') }},
    count(*) as row_count,
    '{{ model.identifier }} should have one row per {{ grain | join(", ") }}'
        as sentence
from {{ model }}
group by {{ grain | join(', ') }}
having count(*) > 1
{% endtest %}
