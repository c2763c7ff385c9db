"""Sends recorded exchanges to a server and compares its answers with those that a real one gave.

What no two servers share is made comparable first: uids, versions, digests and continue tokens become numbered
placeholders, so that equality between them is still compared; times become one. Human-readable messages are left out.
"""

import json
import re
import time
import urllib.error
import urllib.request

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def _send(server, step, variables, token):
    def fill(text):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(variables[found.group(1)]), text)

    body = step.get("body")
    data = None if body is None else fill(body if isinstance(body, str) else json.dumps(body)).encode()
    url = server + fill(step["path"])
    request = urllib.request.Request(url, data=data, method=step["method"])  # noqa: S310 - loopback
    request.add_header("Accept", "application/json")
    if data is not None:
        request.add_header("Content-Type", "application/json")
    if user := step.get("token", token):
        request.add_header("Authorization", f"Bearer {user}")
    for name, value in step.get("headers", {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
            return _answer(response, response.status)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error, error.code)


def _answer(response, status):
    warnings = response.headers.get_all("Warning")
    body = json.loads(response.read())
    return {"status": status, "body": body, **({"warnings": warnings} if warnings else {})}


def _pointer(document, path):
    for part in path.strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(part)] if isinstance(document, list) else document[key]
    return document


class _Comparable:
    def __init__(self):
        self._seen = {}

    def _token(self, kind, value):
        known = self._seen.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"

    def of(self, value, key=""):
        if isinstance(value, dict):
            left_out = ("managedFields", "message", "selfLink")
            return {name: self.of(item, name) for name, item in sorted(value.items()) if name not in left_out}
        if isinstance(value, list):
            return [self.of(item, key) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if key in ("uid", "resourceVersion", "continue"):
            return self._token(key, value)
        return (
            "<time>" if _TIME.match(value) else _DIGEST.sub(lambda found: self._token("digest", found.group()), value)
        )


def _without_image(value):
    if isinstance(value, dict):
        return {k: _without_image(v) for k, v in value.items() if k not in ("image", "dockerImageReference")}
    return [_without_image(item) for item in value] if isinstance(value, list) else value


def _ordered(body):
    if isinstance(body, dict) and isinstance(body.get("items"), list):
        body["items"].sort(key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    return body


def _reached(until, answer):
    if isinstance(until, int):
        return answer["status"] == until
    try:
        _pointer(answer["body"], until)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _run(steps, server, token):
    variables = {}
    for step in steps:
        for _ in range(step.get("tries", 1)):
            answer = _send(server, step, variables, token)
            if "until" not in step or _reached(step["until"], answer):
                break
            time.sleep(0.01)
        for name, path in step.get("save", {}).items():
            try:
                variables[name] = _pointer(answer["body"], path)
            except (KeyError, IndexError, TypeError):
                variables[name] = "missing"
        yield answer


def disagreements(scenario, server, token=""):
    """Return `(step, wanted, got)` of every exchange of a scenario in which the server answers something else."""
    pairs = [(s, e) for s, e in zip(scenario["steps"], scenario["exchanges"], strict=True) if not s.get("setup")]
    ours, theirs = _Comparable(), _Comparable()
    found = []
    for (step, wanted), got in zip(pairs, _run([step for step, _ in pairs], server, token), strict=True):
        mode = step.get("compare", "body")
        one, other = (wanted["status"],), (got["status"],)
        if mode != "status":
            bodies = [_ordered(answer["body"]) for answer in (wanted, got)]
            if mode == "meta":
                bodies = [_without_image(body) for body in bodies]
            one += (theirs.of(bodies[0]), wanted.get("warnings"))
            other += (ours.of(bodies[1]), got.get("warnings"))
        if one != other:
            found.append((f"{step.get('name', '')}: {step['method']} {step['path']}", one, other))
    return found
