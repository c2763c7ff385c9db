"""Which server, as whom: flags, kubeconfig files, exec plugins, the pod's service account, TLS and proxies."""

import json
import os
import shutil
import ssl
import subprocess
import sys

import pytest
import yaml
from scripted import Answer, status

from syncer import errors
from syncer.cluster import connection as connections
from syncer.cluster.client import Client
from syncer.cluster.connection import ConnectionOptions, connect
from syncer.cluster.proxy import proxy_for

PATH = "/apis"
GOOD = Answer({"kind": "Good"})
CONTEXT = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
NOBODY = CONTEXT.replace(", user: u", "")
PLUGIN = "client.authentication.k8s.io/v1"


def kubeconfig(path, *, server="https://cluster.example:6443", user=None, name="one", current=True, **cluster):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"{name}-cluster", "cluster": {"server": server, **cluster}}],
        "users": [{"name": f"{name}-user", "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}],
    }
    if current:
        config["current-context"] = name
    path.write_text(yaml.safe_dump(config))
    return str(path)


def plugin(path, credential):
    """An exec plugin that counts its runs, and gives a token with the number of the run."""
    body = json.dumps({"apiVersion": PLUGIN, "kind": "ExecCredential", "status": credential})
    path.write_text(
        f"#!/bin/sh\necho run >> {path}.runs\nn=$(grep -c run {path}.runs)\necho '{body}' | sed s/RUN/$n/\n"
    )
    path.chmod(0o755)
    return {"exec": {"apiVersion": PLUGIN, "command": str(path), "interactiveMode": "Never"}}


def authorization(connection):
    return connection.credentials.headers().get("Authorization")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:api.example"]
    subprocess.run(
        [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    return folder


@pytest.fixture
def tls_server(scripted, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return scripted(GOOD, tls=context)


# ------------------------------------------------------------------------------------------------------- order


def test_a_server_alone_needs_no_kubernetes_package(tmp_path):
    (tmp_path / "token").write_text("t")
    code = (
        "import sys\n"
        "from syncer.cluster import reader, writer\n"
        "from syncer.cluster.client import Client\n"
        "from syncer.cluster.connection import ConnectionOptions, connect\n"
        f"options = ConnectionOptions(server='https://127.0.0.1:1', token_file={str(tmp_path / 'token')!r})\n"
        f"Client(connect(options, environ={{'HOME': {str(tmp_path)!r}}}), pool_size=1)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('kubernetes', 'yaml', 'requests')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_at_all_is_told_with_a_way_out(tmp_path):
    with pytest.raises(errors.UsageError, match="no cluster to talk to") as caught:
        connect(ConnectionOptions(), environ={"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "absent")})
    assert "--kubeconfig" in caught.value.hint


def test_the_home_directory_serves_where_no_kubeconfig_is_named(tmp_path):
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", user={"token": "home"})
    found = connect(ConnectionOptions(), environ={"HOME": str(tmp_path)})
    assert (found.server, found.context) == ("https://cluster.example:6443", "one")
    assert authorization(found) == "Bearer home"


def test_a_list_of_kubeconfigs_is_merged_and_the_first_current_context_counts(tmp_path):
    first = kubeconfig(tmp_path / "a", name="a", server="https://a.example", user={"token": "ta"})
    second = kubeconfig(tmp_path / "b", name="b", server="https://b.example", user={"token": "tb"})
    environ = {"KUBECONFIG": os.pathsep.join(["", str(tmp_path / "absent"), first, second])}
    found = connect(ConnectionOptions(), environ=environ)
    assert (found.server, found.context, authorization(found)) == ("https://a.example", "a", "Bearer ta")
    found = connect(ConnectionOptions(context="b"), environ=environ)
    assert (found.server, found.context, authorization(found)) == ("https://b.example", "b", "Bearer tb")


def test_a_flag_names_one_kubeconfig_and_wins(tmp_path):
    environ = {"KUBECONFIG": kubeconfig(tmp_path / "a", name="a")}
    flag = kubeconfig(tmp_path / "b", name="b", server="https://b.example")
    assert connect(ConnectionOptions(kubeconfig=flag), environ=environ).context == "b"
    with pytest.raises(errors.UsageError, match="is no file"):
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "absent")), environ=environ)


def test_flags_override_what_the_kubeconfig_says(tmp_path, certificate):
    (tmp_path / "token").write_text("flag-token")
    user = plugin(tmp_path / "plugin", {"token": "RUN"}) | {"as": "someone"}
    path = kubeconfig(tmp_path / "config", user=user, **{"insecure-skip-tls-verify": True})
    before = (tmp_path / "config").read_text()
    options = ConnectionOptions(
        kubeconfig=path,
        server="https://other.example/",
        token_file=str(tmp_path / "token"),
        certificate_authority=str(certificate / "cert.pem"),
        impersonate="me",
        request_timeout=5,
    )
    found = connect(options, environ={})
    assert (found.server, found.timeout, found.verifies) == ("https://other.example", 5, True)
    assert authorization(found) == "Bearer flag-token"
    assert found.headers == {"Impersonate-User": "me"}
    assert not (tmp_path / "plugin.runs").exists()
    assert (tmp_path / "config").read_text() == before


def test_a_kubeconfigs_token_does_not_go_to_another_server_in_the_clear(tmp_path):
    path = kubeconfig(tmp_path / "config", user={"token": "secret"}, server="http://here.example:8080")
    assert authorization(connect(ConnectionOptions(kubeconfig=path), environ={})) == "Bearer secret"
    for options in (
        ConnectionOptions(kubeconfig=path, server="http://elsewhere.example"),
        ConnectionOptions(context="one", server="http://elsewhere.example"),
        ConnectionOptions(server="http://here.example:8080"),
    ):
        assert authorization(connect(options, environ={"KUBECONFIG": path})) is None


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = kubeconfig(tmp_path / "config", current=False)
    with pytest.raises(errors.UsageError, match="there is no context 'two'") as caught:
        connect(ConnectionOptions(kubeconfig=path, context="two"), environ={})
    assert "one" in caught.value.hint
    with pytest.raises(errors.UsageError, match="no context is chosen"):
        connect(ConnectionOptions(kubeconfig=path), environ={})
    assert connect(ConnectionOptions(kubeconfig=path, context="one"), environ={}).context == "one"


def test_a_kubeconfig_without_contexts_is_as_good_as_none(tmp_path):
    (tmp_path / "config").write_text("apiVersion: v1\nkind: Config\ncontexts: null\n")
    environ = {"KUBECONFIG": str(tmp_path / "config")}
    assert connect(ConnectionOptions(server="https://x.example"), environ=environ).server == "https://x.example"
    with pytest.raises(errors.UsageError, match="no cluster to talk to"):
        connect(ConnectionOptions(), environ=environ)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token: 's3cret\n",
        "[1, 2]",
        "s3cret",
        "clusters: {a: s3cret}\ncurrent-context: a\n",
        "users: [s3cret]\ncontexts: [{name: a}]\ncurrent-context: a\n",
        f"{CONTEXT}clusters: [{{name: c, cluster: {{}}}}]\nusers: [{{name: u, s3cret: {{token: s3cret}}}}]\n",
        f"{NOBODY}clusters: [{{name: c, cluster: {{server: 'https://x', certificate-authority-data: s3cret}}}}]\n",
        f"{NOBODY}clusters: []\n",
    ],
)
def test_a_broken_kubeconfig_is_told_without_what_is_secret_in_it(tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(errors.SyncerError) as caught:
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "config")), environ={})
    assert "s3cret" not in caught.value.message + caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize(
    ("cluster", "user", "told"),
    [
        ("{}", "user: {}", "leads to no server"),
        ("{server: 'https://x'}", 'user: {token: "é"}', "is no token"),
        ("{server: 'https://x'}", "user: {tokenFile: absent}", "No such file or directory: .*/absent"),
        ("{server: 'https://x', certificate-authority: absent}", "user: {}", "File does not exist: .*/absent"),
        ("{server: 'https://x'}", "user: {exec: {command: x}}", "missing key 'apiVersion'"),
        ("{server: 'https://x'}", "user: {auth-provider: {name: azure}}", "no credentials from the auth-provider"),
    ],
)
def test_what_a_context_lacks_is_told(tmp_path, cluster, user, told):
    users = f"users: [{{name: u, {user}}}]\n"
    (tmp_path / "config").write_text(f"{CONTEXT}clusters: [{{name: c, cluster: {cluster}}}]\n{users}")
    with pytest.raises(errors.ClusterError, match=told):
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "config")), environ={})


def test_a_context_whose_user_is_gone_does_not_connect_as_nobody(tmp_path):
    (tmp_path / "config").write_text(f"{CONTEXT}clusters: [{{name: c, cluster: {{server: 'https://x'}}}}]\n")
    with pytest.raises(errors.ClusterError, match="there is no user 'u'"):
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "config")), environ={})


def test_a_context_needs_a_kubeconfig(tmp_path):
    with pytest.raises(errors.UsageError, match="no kubeconfig that holds a context"):
        connect(ConnectionOptions(context="one"), environ={"HOME": str(tmp_path)})


def test_an_exec_plugin_may_give_a_client_certificate(tmp_path, certificate, tls_server):
    credential = {
        "clientCertificateData": (certificate / "cert.pem").read_text(),
        "clientKeyData": (certificate / "key.pem").read_text(),
    }
    (tmp_path / "answer").write_text(json.dumps({"apiVersion": PLUGIN, "kind": "ExecCredential", "status": credential}))
    user = {"exec": {"apiVersion": PLUGIN, "command": "cat", "args": [str(tmp_path / "answer")]}}
    cluster = {"certificate-authority": str(certificate / "cert.pem")}
    found = connect(
        ConnectionOptions(kubeconfig=kubeconfig(tmp_path / "config", server=tls_server.url, user=user, **cluster)),
        environ={},
    )
    assert Client(found).get(PATH) == {"kind": "Good"}
    assert "Authorization" not in tls_server.seen[0].headers


# ------------------------------------------------------------------------------------------------- credentials


def test_a_token_file_of_a_kubeconfig_is_relative_to_it(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    found = connect(
        ConnectionOptions(kubeconfig=kubeconfig(tmp_path / "config", user={"tokenFile": "token"})), environ={}
    )
    assert authorization(found) == "Bearer from-file"


def test_a_user_and_password_are_sent_as_basic_authentication(tmp_path):
    path = kubeconfig(tmp_path / "config", user={"username": "u", "password": "p"})
    assert authorization(connect(ConnectionOptions(kubeconfig=path), environ={})) == "Basic dTpw"


def test_an_exec_plugin_gives_the_token_and_runs_again_after_a_401(tmp_path, scripted):
    def answer(seen):
        return GOOD if seen.headers["Authorization"] == "Bearer token-2" else status(401, "Unauthorized")

    server = scripted(answer)
    path = kubeconfig(tmp_path / "config", server=server.url, user=plugin(tmp_path / "plugin", {"token": "token-RUN"}))
    client = Client(connect(ConnectionOptions(kubeconfig=path), environ={}))
    assert client.get(PATH) == {"kind": "Good"}
    assert client.get(PATH) == {"kind": "Good"}
    assert [seen.headers["Authorization"][-1] for seen in server.seen] == ["1", "2", "2"]
    assert (tmp_path / "plugin.runs").read_text().count("run") == 2


def test_a_plugins_token_is_renewed_when_it_expires(tmp_path, monkeypatch):
    user = plugin(tmp_path / "plugin", {"token": "token-RUN", "expirationTimestamp": "2020-01-01T00:00:00Z"})
    found = connect(ConnectionOptions(kubeconfig=kubeconfig(tmp_path / "config", user=user)), environ={})
    first = authorization(found)
    assert authorization(found) == first
    monkeypatch.setattr("syncer.cluster.kubeconfig._CHECK_EVERY", -1.0)
    assert authorization(found) != first


def test_an_exec_plugin_that_fails_is_an_error_that_says_why(tmp_path):
    (tmp_path / "plugin").write_text("#!/bin/sh\necho please log in >&2\nexit 3\n")
    (tmp_path / "plugin").chmod(0o755)
    user = {"exec": {"apiVersion": PLUGIN, "command": str(tmp_path / "plugin")}}
    with pytest.raises(errors.ClusterError, match=r"no credentials from the exec .* 3\. please log in"):
        connect(ConnectionOptions(kubeconfig=kubeconfig(tmp_path / "config", user=user)), environ={})
    user = {"exec": {"apiVersion": PLUGIN, "command": "no-such-plugin-anywhere"}}
    with pytest.raises(errors.ClusterError, match=r"no credentials from the exec .*no-such-plugin-anywhere"):
        connect(ConnectionOptions(kubeconfig=kubeconfig(tmp_path / "config", user=user)), environ={})


def test_a_kubeconfig_that_impersonates_is_followed(tmp_path):
    path = kubeconfig(tmp_path / "config", user={"token": "t", "as": "someone"})
    assert connect(ConnectionOptions(kubeconfig=path), environ={}).headers == {"Impersonate-User": "someone"}
    path = kubeconfig(tmp_path / "config", user={"token": "t", "as": "someone", "as-groups": ["g"]})
    with pytest.raises(errors.ClusterError, match="as-groups, which is not supported"):
        connect(ConnectionOptions(kubeconfig=path), environ={})


def test_a_pod_uses_its_service_account(tmp_path, certificate):
    shutil.copy(certificate / "cert.pem", tmp_path / "ca.crt")
    (tmp_path / "token").write_text("pod-token\n")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": str(tmp_path)}
    found = connect(ConnectionOptions(), environ=environ, service_account=tmp_path)
    assert (found.server, found.context, authorization(found)) == ("https://[fd00::1]:443", "", "Bearer pod-token")
    (tmp_path / "token").write_text("rotated-token\n")
    assert authorization(found) == "Bearer rotated-token"
    for broken in ("ca.crt", "token"):
        whole = (tmp_path / broken).read_bytes()
        (tmp_path / broken).write_bytes(b"")
        with pytest.raises(errors.ClusterError, match="cannot be used"):
            connect(ConnectionOptions(), environ=environ, service_account=tmp_path)
        (tmp_path / broken).write_bytes(whole)
    for missing in ("KUBERNETES_SERVICE_PORT", "ca.crt"):
        (tmp_path / missing).unlink(missing_ok=True)
        there = {name: value for name, value in environ.items() if name != missing}
        with pytest.raises(errors.ClusterError, match="service account cannot be used"):
            connect(ConnectionOptions(), environ=there, service_account=tmp_path)


def test_only_a_kubeconfig_brings_the_kubernetes_package(tmp_path, certificate):
    """It takes longer to import than all else together, and a CronJob has no use for it."""
    shutil.copy(certificate / "cert.pem", tmp_path / "ca.crt")
    (tmp_path / "token").write_text("pod-token\n")
    code = f"""
import pathlib, sys
from syncer.cluster import ConnectionOptions, connect
pod = {{"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}}
connect(ConnectionOptions(), environ=pod, service_account=pathlib.Path({str(tmp_path)!r}))
connect(ConnectionOptions(server="http://127.0.0.1:1", token_file={str(tmp_path / "token")!r}), environ={{}})
print("kubernetes" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"


def test_where_the_real_service_account_lies():
    assert connections.SERVICE_ACCOUNT.as_posix() == "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.mark.parametrize("content", ["", "two\nlines", "naïve", None])
def test_a_token_file_without_a_token_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(errors.UsageError, match="token file") as caught:
        connect(ConnectionOptions(server="https://x", token_file=str(tmp_path / "token")), environ={})
    assert "lines" not in caught.value.message


# ------------------------------------------------------------------------------------------------ server, TLS


@pytest.mark.parametrize(
    "server",
    [
        "x.example:6443",
        "ftp://x",
        "https://",
        "https://x:port",
        "https://x?y",
        "https://[::1",
        "https://x\n",
        "http:/x",
    ],
)
def test_a_server_must_be_a_url(server):
    with pytest.raises(errors.UsageError, match="is no server URL"):
        connect(ConnectionOptions(server=server), environ={})


def test_a_server_must_not_hold_credentials():
    with pytest.raises(errors.UsageError, match="must not hold credentials") as caught:
        connect(ConnectionOptions(server="https://me:hunter2@x.example"), environ={})
    assert "hunter2" not in str(caught.value)


def test_a_user_to_act_as_is_one_line():
    with pytest.raises(errors.UsageError, match="--as"):
        connect(ConnectionOptions(server="http://x", impersonate="a\r\nX-Other: b"), environ={})


def test_a_certificate_is_verified_unless_told_otherwise(tls_server, make_client, certificate, pauses):
    with pytest.raises(errors.ClusterError, match=r"certificate of .* is not trusted .*self-signed") as caught:
        make_client(tls_server.url).get(PATH)
    assert "--certificate-authority" in caught.value.hint
    assert pauses == []
    ca = str(certificate / "cert.pem")
    assert make_client(tls_server.url, certificate_authority=ca).get(PATH) == {"kind": "Good"}
    assert make_client(tls_server.url, insecure_skip_tls_verify=True).get(PATH) == {"kind": "Good"}
    with pytest.raises(errors.ClusterError, match=r"is not trusted .*localhost"):
        make_client(tls_server.url.replace("127.0.0.1", "localhost"), certificate_authority=ca).get(PATH)


def test_a_kubeconfig_names_ca_client_certificate_and_server_name(tls_server, certificate, tmp_path):
    user = {"client-certificate": str(certificate / "cert.pem"), "client-key": str(certificate / "key.pem")}
    cluster = {"certificate-authority": str(certificate / "cert.pem"), "tls-server-name": "api.example"}
    path = kubeconfig(tmp_path / "config", server=tls_server.url, user=user, **cluster)
    assert Client(connect(ConnectionOptions(kubeconfig=path), environ={})).get(PATH) == {"kind": "Good"}
    cluster["tls-server-name"] = "other.example"
    path = kubeconfig(tmp_path / "config", server=tls_server.url, user=user, **cluster)
    with pytest.raises(errors.ClusterError, match="is not trusted"):
        Client(connect(ConnectionOptions(kubeconfig=path), environ={})).get(PATH)


def test_certificates_that_cannot_be_used_are_told(tmp_path, certificate):
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(errors.ClusterError, match="cannot be used"):
        connect(ConnectionOptions(server="https://x", certificate_authority=str(tmp_path / "junk")), environ={})
    with pytest.raises(errors.UsageError, match="is no file"):
        connect(ConnectionOptions(server="https://x", certificate_authority=str(tmp_path / "absent")), environ={})
    ca = str(certificate / "cert.pem")
    options = ConnectionOptions(server="https://x", certificate_authority=ca, insecure_skip_tls_verify=True)
    with pytest.raises(errors.UsageError, match="exclude each other"):
        connect(options, environ={})


# ------------------------------------------------------------------------------------------------------ proxies


@pytest.mark.parametrize(
    ("server", "excluded", "proxied"),
    [
        ("https://api.example:6443", "", True),
        ("https://api.example:6443", "example", False),
        ("https://api.example:6443", ".example", False),
        ("https://api.example:6443", "*.example", False),
        ("https://api.example:6443", "other, api.example", False),
        ("https://api.example:6443", "pi.example", True),
        ("https://example", ".example", True),
        ("https://api.example:6443", "api.example:6443", False),
        ("https://api.example:6443", "api.example:443", True),
        ("https://api.example:6443", "*", False),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://[fd00::1]:443", "fd00::/16", False),
        ("https://[fd00::1]:443", "[fd00::1]:443", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.7:6443", "", False),
        ("https://[::1]:6443", "", False),
    ],
)
def test_a_proxy_is_used_as_kubectl_uses_it(server, excluded, proxied):
    environ = {"https_proxy": "proxy.example:3128", "NO_PROXY": excluded, "HTTP_PROXY": "http://not-this-one"}
    assert proxy_for(server, environ) == ("http://proxy.example:3128" if proxied else "")


def test_the_proxy_gets_the_request_and_its_own_password(scripted, make_client):
    proxy = scripted(GOOD)
    url = proxy.url.replace("//", "//me:pass@")
    assert make_client("http://api.example", environ={"HTTP_PROXY": url}).get(PATH) == {"kind": "Good"}
    assert proxy.seen[0].path == "http://api.example/apis"
    assert proxy.seen[0].headers["Proxy-Authorization"] == "Basic bWU6cGFzcw=="


def test_a_proxy_that_refuses_gets_no_token_and_is_not_named_with_its_password(scripted, make_client, tmp_path, pauses):
    (tmp_path / "token").write_text("secret")
    proxy = scripted(Answer(b"no", 403))
    environ = {"HTTPS_PROXY": proxy.url.replace("//", "//me:pass@")}
    with pytest.raises(errors.UnreachableError, match="cannot connect") as caught:
        make_client("https://api.example", environ=environ, token_file=str(tmp_path / "token")).get(PATH)
    assert "pass" not in str(caught.value)
    assert {seen.method for seen in proxy.seen} == {"CONNECT"}
    assert all("Authorization" not in seen.headers for seen in proxy.seen)
    assert len(pauses) == 4


def test_a_proxy_of_the_kubeconfig_wins_and_must_be_http(scripted, tmp_path):
    proxy = scripted(GOOD)
    path = kubeconfig(tmp_path / "config", server="http://api.example", **{"proxy-url": proxy.url})
    found = connect(ConnectionOptions(kubeconfig=path), environ={"HTTP_PROXY": "http://other.example"})
    assert Client(found).get(PATH) == {"kind": "Good"}
    path = kubeconfig(tmp_path / "config", server="http://api.example", **{"proxy-url": "socks5://x:1"})
    with pytest.raises(errors.UsageError, match="proxy for the API server"):
        Client(connect(ConnectionOptions(kubeconfig=path), environ={}))
