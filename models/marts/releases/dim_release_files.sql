-- grain: release_id, file_role, relative_path, copy_status
-- why: licence, citation, size and sha256 of every file, and what this build made of
--      it
select
    release_id,
    coalesce(platform, 'all') as platform,
    file_role,
    relative_path,
    copy_status,
    dataset_revision,
    manifest_sha256,
    observed_sha256,
    licence,
    citation,
    row_count,
    set_aside_row_count,
    manifest_byte_count,
    observed_byte_count,
    file_status,
    is_loaded,
    is_simulated
from {{ ref('int_release_files') }}
