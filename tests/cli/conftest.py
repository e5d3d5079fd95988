"""The endpoints that other tests use too; test folders are no packages, so they are loaded by their path."""

import importlib.util
import sys
from pathlib import Path

for _name in ("hostile", "batches"):
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, Path(__file__).parents[1] / f"{_name}.py")
        assert _spec
        assert _spec.loader
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])
