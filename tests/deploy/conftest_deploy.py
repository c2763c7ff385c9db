"""Where the manifests of the deployment are, and how they are read."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "manifests-example" / "deploy"


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))
