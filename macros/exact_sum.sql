{#- A sum that is the same to the last bit in whatever order its terms are added. Threads
    and memory decide that order, and of fractions in doubles each order rounds otherwise:
    so terms are added as whole multiples of 2^-60. A double from 2^-8 on is one; what is
    less is rounded to within 5e-19. Terms reach to 8e19, the square of 9e9: more stops the
    build, or is left out where no check has seen the numbers yet (`of_unchecked`).
    `rows`: FILTER and OVER. Whole numbers need none of this: sums of them are exact. -#}
{% macro exact_sum(term, rows='', of_unchecked=false) -%}
    {%- set cast = 'try_cast' if of_unchecked else 'cast' -%}
    {%- set type = 'decimal(30, 0)' if of_unchecked else 'decimal(38, 0)' -%}
    (
        cast(
            sum({{ cast }}(({{ term }}) * pow(2, 60) as {{ type }})) {{ rows }} as double
        ) / pow(2, 60)
    )
{%- endmacro %}
