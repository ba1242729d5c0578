{#- What each var may be; each may be set with --vars. -#}
{% macro var_ranges() -%}
    {%- set rules = ['any_holder', 'equal_split', 'lowest_code', 'exclusive'] -%}
    {{- return({
        'privacy_floor_conversations': {'kind': 'whole number', 'range': [1, 10000]},
        'country_threshold_conversations': {'kind': 'whole number', 'range': [0, 1000000]},
        'region_threshold_conversations': {'kind': 'whole number', 'range': [0, 1000000]},
        'pct_tolerance': {'kind': 'number', 'range': [0, 1]},
        'mix_real_and_simulated': {'kind': 'true or false'},
        'concentration_top_ks': {'kind': 'list of whole numbers', 'range': [1, 10000]},
        'omitted_task_count': {'kind': 'whole number', 'range': [1, 10000]},
        'interval_z': {'kind': 'number', 'range': [1.95, 2]},
        'bootstrap_replicate_count': {'kind': 'whole number', 'range': [200, 100000]},
        'bootstrap_seed': {'kind': 'whole number', 'range': [0, 9999999999]},
        'bootstrap_minimum_effective_task_count': {
            'kind': 'number', 'range': [0, 1000000000]
        },
        'own_window': {'kind': 'name', 'names': ['month', 'week']},
        'own_floors': {'kind': 'conversations, and at most 40 accounts, by source', 'range': [1, 10000]},
        'own_closing_days': {'kind': 'whole number', 'range': [0, 366]},
        'own_unmatched_task_pct': {'kind': 'number', 'range': [0, 100]},
        'own_drift_pct_points': {'kind': 'number', 'range': [0, 100]},
        'only_allocation_rules': {'kind': 'list', 'names': rules},
        'interval_allocation_rules': {'kind': 'list', 'names': rules}
    }) -}}
{%- endmacro %}


{#- On run start, and whenever dbt parses the project: refuse a var without sense, by its
    name, and a name that no var has. -#}
{% macro check_vars() -%}
    {%- if has_own_conversations() and not env_var('AEI_PRIVATE_FILE', '') -%}
        {%- do exceptions.raise_compiler_error(
            'AEI_CONVERSATIONS is set, and dbt alone does not read it: use '
            ~ 'scripts/build.py, or name the file that it keeps beside the work file '
            ~ '(AEI_PRIVATE_FILE=target/ai_in_education.private/conversations.duckdb).'
        ) -%}
    {%- endif -%}
    {%- set ranges = var_ranges() -%}
    {%- for name in invocation_args_dict.get('vars') or {} if name not in ranges -%}
        {%- do exceptions.raise_compiler_error(
            'There is no var ' ~ name ~ '; expected one of ' ~ ranges | join(', ') ~ '.'
        ) -%}
    {%- endfor -%}
    {%- for name, expected in ranges.items() if not _is_in_range(var(name), expected) -%}
        {%- do exceptions.raise_compiler_error(
            'The var ' ~ name ~ ' is ' ~ var(name) | tojson ~ '; expected: '
            ~ expected.kind
            ~ (' from ' ~ expected.range | join(' to ') if expected.range else '')
            ~ (' of ' ~ expected.names | join(', ') if expected.names else '')
            ~ '. Set it in dbt_project.yml or with --vars.'
        ) -%}
    {%- endfor -%}
{%- endmacro %}


{% macro _is_in_range(value, expected) -%}
    {%- if expected.kind == 'true or false' -%}
        {{- return(value is boolean) -}}
    {%- elif expected.kind == 'conversations, and at most 40 accounts, by source' -%}
        {%- if value is not mapping or 'default' not in value -%}
            {{- return(false) -}}
        {%- endif -%}
        {%- set whole = {'kind': 'whole number', 'range': expected.range} -%}
        {%- for floor in value.values() -%}
            {%- if floor is not mapping
                or floor | sort != ['accounts', 'conversations']
                or not _is_in_range(floor.accounts, whole) or floor.accounts > 40
                or not _is_in_range(floor.conversations, whole) -%}
                {{- return(false) -}}
            {%- endif -%}
        {%- endfor -%}
        {{- return(true) -}}
    {%- elif expected.kind == 'name' -%}
        {{- return(value in expected.names) -}}
    {%- elif expected.kind.startswith('list') -%}
        {%- if value is string or value is mapping or value is not sequence -%}
            {{- return(false) -}}
        {%- elif expected.names -%}
            {{- return(value | reject('in', expected.names) | list == []) -}}
        {%- endif -%}
        {%- set whole = {'kind': 'whole number', 'range': expected.range} -%}
        {%- set wrong = [] -%}
        {%- for each in value if not _is_in_range(each, whole) -%}
            {%- do wrong.append(each) -%}
        {%- endfor -%}
        {{- return(value and not wrong and value | unique | list | length == value | length) -}}
    {%- elif value is boolean or value is not number
        or (expected.kind == 'whole number' and value is not integer) -%}
        {{- return(false) -}}
    {%- endif -%}
    {{- return(expected.range[0] <= value <= expected.range[1]) -}}
{%- endmacro %}


{#- On run start: say what a selection reads that is neither selected nor built yet. With
    --defer it may lie in another file. -#}
{% macro check_selection() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test')
        and not invocation_args_dict.get('defer')
        and not env_var('AEI_SPARK_TAKEN', '') -%}
        {%- set missing = [] -%}
        {#- Who leaves a node out by its name knows. -#}
        {%- set left_out = invocation_args_dict.get('exclude') or [] -%}
        {%- for id in selected_resources | sort -%}
            {#- A unit test names its model, whose columns it needs too. -#}
            {%- set parts = id.split('.') -%}
            {%- set tested = 'model.' ~ parts[1] ~ '.' ~ parts[2] -%}
            {%- set node = graph.nodes.get(tested if parts[0] == 'unit_test' else id) -%}
            {%- set needed = node.depends_on.get('nodes', []) if node else [] -%}
            {%- for parent in needed if parent not in selected_resources -%}
                {%- set parent = graph.nodes.get(parent) -%}
                {%- if parent and parent.name not in missing and parent.name not in left_out
                    and adapter.get_relation(parent.database, parent.schema, parent.alias) is none -%}
                    {%- do missing.append(parent.name) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- set missing = missing | sort -%}
        {%- if missing -%}
            {%- do exceptions.raise_compiler_error(
                'The selection reads what is neither selected nor built yet: '
                ~ missing[:5] | join(', ')
                ~ (' and ' ~ (missing | length - 5) ~ ' more' if missing | length > 5 else '')
                ~ '. Build everything once with dbt build, or select what a model needs '
                ~ 'with it: a + before its name, as in dbt build --select +int_tasks.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
