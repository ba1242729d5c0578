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
        read_blob({{ _path_list(_present_paths()) }})
    {%- else -%}
        {%- set paths, columns = _loaded_paths(layout), var('layouts')[layout] -%}
        read_csv(
            {{ _path_list(paths) }},
            delim = ',', quote = '"', escape = '"', skip = 0, comment = '',
            hive_partitioning = false,
            {% if paths -%}
            header = true, all_varchar = true,
            {%- else -%}
            auto_detect = false, columns = {{ dict.fromkeys(columns, 'varchar') }},
            {%- endif %}
            filename = 'source_file_path', force_not_null = {{ columns }},
            store_rejects = true, rejects_limit = 1000,
            rejects_table = '{{ layout }}_rejected_rows',
            rejects_scan = '{{ layout }}_rejected_scans'
        )
    {%- endif -%}
{%- endmacro %}


{#- Paths as SQL. A reader wants one path at least, so without any it is given nothing
    to read. -#}
{% macro _path_list(paths) -%}
    {%- set quoted = [] -%}
    {%- for path in paths or ['/dev/null'] -%}
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


{#- Hook: from here on two threads a query where the files are large and nobody has said
    how many: a query on a large file leaves nothing else to do meanwhile. -#}
{% macro threads_by_size(size, files) -%}
    {%- set is_said = env_var('AEI_QUERY_THREADS', '') != '' -%}
    {%- if execute and target.type == 'duckdb' and not is_said -%}
        {%- set found = run_query('select sum(' ~ size ~ ') from ' ~ files) -%}
        {{- 'set threads = 2' if (found.columns[0].values()[0] or 0) > 50000000 -}}
    {%- endif -%}
{%- endmacro %}
