{#- The folder of the project: commands may be started in another one. -#}
{% macro project_folder() -%}
    {{- (invocation_args_dict.get('project_dir') or '.') | string -}}
{%- endmacro %}


{#- Where the release files lie: AEI_DATA_DIR, or the project's own raw seeds. -#}
{% macro data_root() -%}
    {{- (env_var('AEI_DATA_DIR', '') or project_folder() ~ '/seeds/aei').rstrip('/') -}}
{%- endmacro %}


{#- A path as a pattern that matches nothing but itself. -#}
{% macro literal_path(path) -%}
    regexp_replace({{ path }}, '([*?\[])', '[\1]', 'g')
{%- endmacro %}


{#- Pre-hooks of the file model: the paths of the manifest, then those that exist (a
    table function takes no subquery, so the list goes through a variable). -#}
{% macro set_manifest_paths(manifest) -%}
    set variable aei_manifest_paths = (
        select
            list(
                distinct {{ literal_path(
                    "'" ~ data_root() | replace("'", "''")
                    ~ "/' || relative_path || suffix"
                ) }}
            )
        from {{ manifest }}, (values (''), ('.gz')) as suffixes (suffix)
    )
{%- endmacro %}


{% macro set_present_paths() -%}
    set variable aei_present_paths = (
        -- read_blob wants one path at least; this one is in no manifest row.
        select coalesce(
            list({{ literal_path('file') }} order by file),
            ['{{ project_folder() | replace("'", "''") }}/seeds/absent/iso_country_codes.csv']
        )
        from glob(getvariable('aei_manifest_paths'))
    )
{%- endmacro %}


{#- Statement for a pre-hook of a model that reads files: the paths of one layout, or,
    where the copy holds none, the header-only file of the same name under
    seeds/absent (so that an absent file is an empty table, not an error). -#}
{% macro set_input_paths(variable, layout, release_files) -%}
    set variable {{ variable }} = (
        select coalesce(
            list({{ literal_path('file_path') }} order by file_path),
            ['{{ project_folder() | replace("'", "''") }}/seeds/absent/{{ layout }}.csv']
        )
        from {{ release_files }}
        where layout = '{{ layout }}' and is_loaded
    )
{%- endmacro %}
