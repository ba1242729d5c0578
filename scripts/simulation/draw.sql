-- grain: one row per simulated conversation (API record) of one platform and slice
-- why: each answer is a piece of one of three md5 numbers of the conversation's key, so
--      that nothing but the key decides it: no order, no thread, no machine
with keyed as (

    select
        run.run_no,
        run.set_no,
        place.conversation_no,
        md5_number(run.key_prefix || place.conversation_no || ':a') as a,
        md5_number(run.key_prefix || place.conversation_no || ':b') as b,
        md5_number(run.key_prefix || place.conversation_no || ':c') as c
    from run
    cross join range({first}, {stop}) as place (conversation_no)
    where place.conversation_no < run.conversation_count

),

halves as (

    select
        run_no,
        set_no,
        conversation_no,
        (a & 18446744073709551615)::ubigint as a_low,
        (a >> 64)::ubigint as a_high,
        (b & 18446744073709551615)::ubigint as b_low,
        (b >> 64)::ubigint as b_high,
        (c & 18446744073709551615)::ubigint as c_low,
        (c >> 64)::ubigint as c_high
    from keyed

),

placed as (

    select
        halves.*,
        case
            when ((halves.a_low >> 8) & 1048575) < country_alias.threshold
                then country_alias.below
            else country_alias.otherwise
        end as country_no
    from halves
    inner join country_alias on (halves.a_low & 255) = country_alias.slot

),

blocked as (

    select
        placed.*,
        case
            when ((placed.a_low >> 28) & 65535) < country.education_stop then 1
            when ((placed.a_low >> 28) & 65535) < country.coordinated_stop then 2
            else 0
        end as block_no
    from placed
    inner join country on placed.country_no = country.country_no

),

tasked as (

    select
        blocked.*,
        case
            when ((blocked.a_high >> 16) & 1048575) < task_alias.threshold
                then task_alias.below
            else task_alias.otherwise
        end as task_no
    from blocked
    inner join task_alias
        on
            (blocked.set_no::bigint * 3 + blocked.block_no) * {slots}
            + (blocked.a_high & {last_slot})::bigint
            = task_alias.slot_key

)

select
    tasked.run_no::usmallint as run_no,
    tasked.conversation_no::bigint as conversation_no,
    tasked.country_no::usmallint as country_no,
    {region_no} as region_no,
    tasked.task_no::integer as task_no,
    {style} as style,
    ((tasked.a_low >> 50) % {day_count})::utinyint as day_no,
    (((tasked.a_low >> 44) & 63) % answer.account_groups)::utinyint as account_group,
    {answers}
from tasked
inner join answer
    on
        tasked.task_no = answer.task_no
        and (tasked.block_no = 2) = answer.is_coordinated
{region_join}
