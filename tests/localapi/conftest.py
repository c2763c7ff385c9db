"""What the tests of the local API share: servers, each with a client."""

import pytest
from localapi_client import Client

from syncer.localapi import LocalAPI


@pytest.fixture(scope="module")
def server():
    with LocalAPI(imports=False) as api:
        yield api


@pytest.fixture
def api(server):
    """A client of a server without imports, in a namespace `ns` that is emptied first."""
    client = Client(server.url)
    for name in client.streams().names:
        client("DELETE", f"~/namespaces/ns/imagestreams/{name}")
    return client
