{{ config(post_hook=[
    "{{ stop_on_unreadable(refused_files(this)) }}",
    "{{ threads_by_size('observed_byte_count', this ~ ' where is_loaded') }}"
]) }}
-- depends_on: {{ ref('input_checks') }}
{%- set root = data_root() | replace("'", "''") %}
with

source as (

    select * from {{ source('aei', 'file_contents') }}

),

-- Both ends are cut once: each cut of a file copies it whole.
cut as (

    select
        *,
        sha256(content) as observed_sha256,
        content[1:2000] as head,
        content[-2000:] as tail
    from source

),

observed as (

    select
        filename as file_path,
        -- A file may lie there compressed; where both do, the plain one counts.
        regexp_replace(filename, '\.gz$', '') as plain_path,
        size as observed_byte_count,
        observed_sha256,
        -- The first line without a byte order mark, for the check of the columns; a
        -- letter of four bytes may be cut off behind it. A compressed file has none
        -- to read here: the build script checks it (scripts/warehouse/folder.py).
        case
            when filename not like '%.gz' then
                regexp_replace(
                    split_part(
                        coalesce(
                            try(decode(head)),
                            try(decode(head[1:1999])),
                            try(decode(head[1:1998])),
                            try(decode(head[1:1997])),
                            {{ with_readable_header('head') }}
                        ),
                        chr(10), 1
                    ),
                    '^\x{FEFF}|\r$', '', 'g'
                )
        end as header_line,
        -- The reader can lose a last row that is cut off inside quotation marks. Only
        -- where the last line leaves one open is the whole file counted.
        case
            when filename like '%.gz' then false
            when {{ has_open_quotes('tail', last_line=true) }}
                then {{ has_open_quotes('content') }}
            else false
        end as ends_in_quotes
    from cut

),

chosen as (

    select * from observed
    qualify row_number() over (partition by plain_path order by file_path) = 1

),

matched as (

    select
        manifest.*,
        -- noqa: disable=LT05 (the folder's name is as long as it is)
        coalesce(
            observed.file_path, '{{ root }}/' || manifest.relative_path
        ) as file_path,
        observed.observed_byte_count,
        observed.observed_sha256,
        observed.header_line,
        coalesce(observed.ends_in_quotes, false) as ends_in_quotes,
        observed.file_path is not null as is_present,
        -- A superseded copy lies at the same path as the current one.
        coalesce(
            bool_or(
                manifest.copy_status = 'superseded'
                and manifest.sha256 = observed.observed_sha256
            ) over (partition by manifest.relative_path),
            false
        ) as is_superseded_copy,
        coalesce(
            bool_or(
                observed.file_path is not null
                and manifest.file_role = 'raw'
                and manifest.copy_status = 'current'
                and not manifest.is_simulated
            ) over (),
            false
        ) as has_real_release
    from {{ ref('release_manifest') }} as manifest
    left join chosen as observed
        on
            observed.plain_path
            = regexp_replace('{{ root }}/' || manifest.relative_path, '\.gz$', '')
-- noqa: enable=LT05

),

final as (

    select
        case
            when file_role = 'raw'
                then release_id || ' ' || platform || ' ' || window_start_date
        end as sample_id,
        release_id,
        platform,
        file_role,
        relative_path,
        file_path,
        copy_status,
        schema_family,
        coalesce(schema_family, file_role) as layout,
        facet_set,
        taxonomy_version,
        count_basis,
        product_label,
        licence,
        citation,
        dataset_revision,
        sample_source,
        header_line,
        ends_in_quotes,
        sha256 as manifest_sha256,
        observed_sha256,

        -- dates
        window_start_date,
        window_end_date,

        -- counts
        byte_count as manifest_byte_count,
        observed_byte_count,
        sample_count,

        -- status
        case
            when copy_status = 'superseded' then 'superseded'
            when not is_present then 'absent'
            when copy_status = 'repeated' then 'repeated'
            when is_superseded_copy then 'superseded'
            when sha256 = observed_sha256 then 'verified'
            when sha256 is null and byte_count = observed_byte_count then 'size_only'
            else 'unverified_copy'
        end as file_status,
        is_simulated,
        is_present,
        is_present
        and copy_status = 'current'
        and (
            not is_simulated
            or not has_real_release
            or {{ var('mix_real_and_simulated') }}
        ) as is_loaded
    from matched

)

select * from final
