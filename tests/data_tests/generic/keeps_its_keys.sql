{#- Fails with the keys that stand in more than one row, and with those that a parent
    lacks (NULL ones too). The key is the list in `config.meta.grain`, of a parent what
    the child has of it, so that docs and test cannot part. One test a model: each costs
    a build more than its query does. -#}
{% test keeps_its_keys(model, parents=[]) %}
    {%- set nodes = {} -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- do nodes.update({node.name: node}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set own = nodes[model.identifier] if execute -%}
    {%- set grain = own.config.meta.grain if execute else ['1'] -%}
select
    '{{ model.identifier }} should have one row per {{ grain | join(", ") }}'
        as sentence,
    concat_ws(
        ', '{% for column in grain %}, '{{ column }} ' || {{ column }}{% endfor %}
    ) as row_key,
    count(*) as row_count
from {{ model }}
group by {{ grain | join(', ') }}
having count(*) > 1
{%- for parent in parents %}
{%- set relation = ref(parent) %}
{%- set key = nodes[parent].config.meta.grain | select('in', own.columns) | list
    if execute else ['1'] %}
union all
select
    '{{ model.identifier }} has keys that {{ parent }} lacks' as sentence,
    concat_ws(
        ', '{% for column in key %}, '{{ column }} ' || child.{{ column }}{% endfor %}
    ) as row_key,
    count(*) as row_count
from {{ model }} as child
left join {{ relation }} as parent
    on {% for column in key -%}
    {{ 'and ' if not loop.first }}child.{{ column }} = parent.{{ column }} {% endfor %}
where parent.{{ key[0] }} is null
group by child.{{ key | join(', child.') }}
{%- endfor %}
{% endtest %}
