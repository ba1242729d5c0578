"""Great Expectations on the warehouse's own tables in DuckDB.

The expectations themselves stand in tests/expectations.
"""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
# Read by Great Expectations when it is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"


class Later(ModuleType):
    """Stands for a module until something of it is used, and imports it then."""

    def __getattr__(self, name: str) -> object:
        """What the module itself has under the name."""
        # Who looks at all modules (inspect) uses none of them.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules[self.__name__] is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


# A third of the time and memory that importing Great Expectations takes: it draws with
# one and compares distributions with the other, which nobody asks here.
for _name in ("altair", "scipy.stats"):
    sys.modules.setdefault(_name, Later(_name))
