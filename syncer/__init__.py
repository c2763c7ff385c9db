"""Makes the ImageStreamTags of an OpenShift cluster equal to what a git repository says."""

__version__ = "0.1.0"
