"""Where are the scenarios? Every module of chaos.scenarios enters its own when it is imported."""

import importlib
import pkgutil

from chaos import scenarios


def load_all() -> None:
    """Import them all, in the order of their names."""
    for module in sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__)):
        importlib.import_module(f"chaos.scenarios.{module}")
