"""The SQL of the interval calibration, and the page that shows its result."""
