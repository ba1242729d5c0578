{#- The folder of the project: commands may be started in another one. -#}
{% macro project_folder() -%}
    {{- adapter.config.project_root if execute else '.' -}}
{%- endmacro %}


{#- Where the release files lie: AEI_DATA_DIR, in the folder of the project where it is
    relative, or the project's own raw seeds. -#}
{% macro data_root() -%}
    {%- set folder = env_var('AEI_DATA_DIR', '') or 'seeds/aei' -%}
    {%- if not folder.startswith('/') -%}
        {%- set folder = project_folder() ~ '/' ~ folder -%}
    {%- endif -%}
    {{- folder.rstrip('/') -}}
{%- endmacro %}


{#- A path as a pattern that matches nothing but itself. -#}
{% macro literal_path(path) -%}
    regexp_replace({{ path }}, '([*?\[])', '[\1]', 'g')
{%- endmacro %}


{#- dbt's own source(), with the files behind a source that declares
    `external_location: files('{identifier}')`: the paths are found when the model is
    compiled, so that what dbt shows, previews or compiles runs anywhere. The identifier
    (the name, where none is given) is file_contents: every file of the manifest that
    exists, as bytes; or a layout: the rows of its loaded files, as text. Rejected lines
    go to <layout>_rejected_rows. A unit test gives rows in place of the files. -#}
{% macro source() -%}
    {%- set relation = builtins.source(*varargs) -%}
    {%- set layout = relation.identifier -%}
    {%- if execute and relation.external == "files('" ~ layout ~ "')" -%}
        {%- set relation = relation.replace(external=_reader(layout)) -%}
    {%- endif -%}
    {{- return(relation) -}}
{%- endmacro %}


{% macro _reader(layout) -%}
    {%- if layout == 'file_contents' -%}
        read_blob({{ _path_list(_present_paths(), 'iso_country_codes') }})
    {%- else -%}
        read_csv(
            {{ _path_list(_loaded_paths(layout), layout) }},
            delim = ',', quote = '"', escape = '"', header = true, skip = 0,
            comment = '', all_varchar = true, filename = 'source_file_path',
            force_not_null = {{ layout_columns(layout) }},
            store_rejects = true, rejects_limit = 1000,
            rejects_table = '{{ layout }}_rejected_rows',
            rejects_scan = '{{ layout }}_rejected_scans'
        )
    {%- endif -%}
{%- endmacro %}


{#- Paths as SQL. A reader wants one path at least: without any it is given the file of
    seeds/absent that has only the header of the layout and is in no manifest row. -#}
{% macro _path_list(paths, layout) -%}
    {%- set absent = project_folder() ~ '/seeds/absent/' ~ layout ~ '.csv' -%}
    {%- set quoted = [] -%}
    {%- for path in paths or [absent] -%}
        {%- do quoted.append("'" ~ path.replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    [{{ quoted | join(', ') }}]
{%- endmacro %}


{#- Paths of the manifest, then those of them that exist: a table function takes no
    subquery. None on a work file that has no manifest yet. -#}
{% macro _present_paths() -%}
    {%- set path = "'" ~ data_root().replace("'", "''") ~ "/' || relative_path" -%}
    {%- set listed = _paths_in('release_manifest', path)
        + _paths_in('release_manifest', path ~ " || '.gz'") -%}
    {%- if not listed -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set found = run_query(
        "select " ~ literal_path('file') ~ " from glob(" ~ _path_list(listed) ~ ")
        order by file"
    ) -%}
    {{- return(found.columns[0].values() | list) -}}
{%- endmacro %}


{% macro _loaded_paths(layout) -%}
    {{- return(_paths_in(
        'stg_aei__release_files', 'file_path', "layout = '" ~ layout ~ "' and is_loaded"
    )) -}}
{%- endmacro %}


{#- Literal paths from the rows of a node, empty where it is not built yet. A model says
    that it depends on the node; a query that somebody types need not. -#}
{% macro _paths_in(name, path, condition='true') -%}
    {%- if model.resource_type == 'sql_operation' -%}
        {%- set node = graph.nodes.values() | selectattr('name', 'equalto', name) | first -%}
        {%- set relation = adapter.get_relation(node.database, node.schema, node.alias) -%}
    {%- else -%}
        {%- set relation = ref(name) if load_relation(ref(name)) else none -%}
    {%- endif -%}
    {%- if relation is none -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- set found = run_query(
        "select distinct " ~ literal_path(path) ~ " as path from " ~ relation
        ~ " where " ~ condition ~ " order by path"
    ) -%}
    {{- return(found.columns[0].values() | list) -}}
{%- endmacro %}
