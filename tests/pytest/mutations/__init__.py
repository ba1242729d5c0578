"""Small named functions that each damage the clean sample in one way.

``files`` damages the bytes or rows of a file: the loader sees it. ``releases`` changes
what a release says and keeps everything else consistent (residuals, totals,
percentages, dates, manifest): only the intended guard can see it. ``tables`` changes a
row of a built table: for what raw input cannot reach.
"""
