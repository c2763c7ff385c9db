"""`syncer.yaml` → frozen settings, each with its origin; every problem with its line and column.

The layer knows no option by name: the command line says which there are (`Command`, `Key`), so that the file, its
schema and the flags cannot drift apart.
"""

from syncer.settings.file import SettingsFile, load
from syncer.settings.model import Command, Key, Place, SyncSet, Value
from syncer.settings.schema import json_schema

__all__ = ["Command", "Key", "Place", "SettingsFile", "SyncSet", "Value", "json_schema", "load"]
