"""Great Expectations on the warehouse's own tables in DuckDB.

The expectations themselves stand in tests/expectations.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
# Read by Great Expectations when it is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
