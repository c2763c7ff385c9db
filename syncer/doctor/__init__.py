"""`syncer doctor`: what a source needs, what the cluster allows, and what to do about the difference."""

from syncer.doctor.examine import DoctorOptions, examine
from syncer.doctor.findings import Check, Diagnosis, Status
from syncer.doctor.permissions import Permission, needed
from syncer.doctor.roles import roles, yaml_of

__all__ = [
    "Check",
    "Diagnosis",
    "DoctorOptions",
    "Permission",
    "Status",
    "examine",
    "needed",
    "roles",
    "yaml_of",
]
