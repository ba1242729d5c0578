{{ config(post_hook=["{{ stop_on(this) }}"]) }}
-- grain: relative_path, row_number, check_name
-- why: the gate: every problem of the loaded files with its consequence. Damage stops
--      the build; what the official file holds never does, nor does what we don't
--      know: that is a finding, published with the marts
with

facet_values as (

    select relative_path from {{ ref('int_facet_values') }}
    group by relative_path

),

release_files as (

    select * from {{ ref('stg_aei__release_files') }}
    where file_role = 'raw' and is_loaded
    {% if has_own_conversations() %}
        union all by name
        select * from {{ ref('stg_conversations__samples') }}
    {% endif %}

),

-- The tasks that a flat file names, with shares or with patterns.
flat_tasks as (

    select
        sample_id,
        relative_path,
        attribute_facet is not null as has_patterns,
        count(distinct base_cluster_name) as task_count
    from {{ ref('stg_aei__flat_values') }}
    where base_facet = 'onet_task' and base_cluster_name <> 'none'
    group by sample_id, relative_path, has_patterns

),

file_problems as (

    -- A file without rows would otherwise look like an absent one.
    select
        release_files.sample_id,
        release_files.relative_path,
        'empty_files' as check_name,
        'no row' as observed,
        cast(null as varchar) as expected
    from release_files
    left join facet_values using (relative_path)
    where facet_values.relative_path is null
    union all
    -- Rows of the flat layout do not say of which release they are.
    select
        release_files.sample_id,
        release_files.relative_path,
        'mislabelled_rows' as check_name,
        'the content of ' || min(listed.relative_path) as observed,
        'its own content (sha256 of the release manifest)' as expected
    from release_files
    inner join {{ ref('release_manifest') }} as listed
        on release_files.observed_sha256 = listed.sha256
    where release_files.file_status = 'unverified_copy'
    group by release_files.sample_id, release_files.relative_path
    union all
    select
        patterns.sample_id,
        patterns.relative_path,
        'incomplete_facets' as check_name,
        'patterns of ' || patterns.task_count || ' tasks' as observed,
        'those of ' || shares.task_count || ' tasks, as many as '
        || shares.relative_path || ' has' as expected
    from flat_tasks as patterns
    inner join flat_tasks as shares using (sample_id)
    where
        patterns.has_patterns
        and not shares.has_patterns
        and patterns.task_count < shares.task_count
    union all
    select
        sample_id,
        relative_path,
        'unknown_samples' as check_name,
        'no sample_count in the manifest' as observed,
        null as expected
    from release_files
    where sample_count is null and count_basis <> 'percent_only'

),

problems as (

    select * exclude (is_usable) from {{ ref('int_row_problems') }}
    union all by name
    select * from {{ ref('int_cell_problems') }}
    union all by name
    select * from file_problems

),

final as (

    select
        release_files.release_id,
        release_files.platform,
        problems.sample_id,
        problems.relative_path,
        problems.row_number,
        problems.column_name,
        problems.observed,
        coalesce(problems.expected, input_checks.expected) as expected,
        input_checks.advice,
        problems.check_name,
        input_checks.problem_kind,
        -- What is wrong with a row itself comes before what follows from it elsewhere.
        input_checks.priority,
        input_checks.problem_kind = 'damage'
        and (input_checks.always_stops or release_files.file_status <> 'verified')
            as stops_the_build
    from problems
    inner join release_files using (relative_path)
    inner join {{ ref('input_checks') }} as input_checks using (check_name)

)

select * from final
