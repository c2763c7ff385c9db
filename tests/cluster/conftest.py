"""What the tests of the cluster share: a scripted server, and clients that do not sleep."""

import contextlib

import pytest
from scripted import ScriptedServer

from syncer.cluster.client import Client
from syncer.cluster.connection import ConnectionOptions, connect


class Pauses(list):
    """The sleeps that were asked for, none of them slept."""


@pytest.fixture
def pauses():
    return Pauses()


@pytest.fixture
def make_client(pauses):
    def make(url, *, environ=None, pool_size=4, patience=None, **options):
        connection = connect(ConnectionOptions(server=url, **options), environ=environ or {})
        return Client(connection, pool_size=pool_size, patience=patience, sleep=pauses.append)

    return make


@pytest.fixture
def scripted():
    with contextlib.ExitStack() as stack:

        def start(*answers, tls=None):
            script = answers[0] if len(answers) == 1 and callable(answers[0]) else list(answers)
            return stack.enter_context(ScriptedServer(script, tls))

        yield start
