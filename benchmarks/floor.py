"""The floor: reads the same blobs, parses the same YAML and JSON, fetches the same pages, and does nothing with them.

Run as a script: `floor.py REPOSITORY URL TARGET…`. Prints how many documents and items there were.
"""

import http.client
import subprocess
import sys

import orjson
import yaml_rs


def documents(repository: str) -> int:
    """Read every blob of `main` by one `git cat-file --batch`, and parse it."""
    git = ["git", "-C", repository]
    tree = subprocess.run([*git, "ls-tree", "-r", "--full-tree", "main"], check=True, capture_output=True).stdout
    ids = b"".join(line.split(b"\t")[0].split()[2] + b"\n" for line in tree.splitlines())
    batch = [*git, "cat-file", "--batch", "--buffer"]
    output = subprocess.run(batch, input=ids, check=True, capture_output=True).stdout
    count, at = 0, 0
    while at < len(output):
        start = output.index(b"\n", at) + 1
        size = int(output[at : start - 1].split()[2])
        count += len(yaml_rs.loads(output[start : start + size].decode()))
        at = start + size + 1
    return count


def items(url: str, targets: list[str]) -> int:
    """Fetch every page on one connection, and parse it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    count = 0
    for target in targets:
        connection.request("GET", target)
        count += len(orjson.loads(connection.getresponse().read())["items"])
    return count


print(documents(sys.argv[1]), items(sys.argv[2], sys.argv[3:]))
