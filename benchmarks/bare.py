"""Bare connections: sends the requests of a plan on N connections, as fast as they take them.

Run as a script: `bare.py PLAN URL N`, PLAN being a report as JSON. Prints the seconds that it took.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby


def main(plan: str, url: str, connections: int) -> float:
    """Send the requests of each stream one after the other, streams side by side."""
    with open(plan, encoding="utf-8") as file:  # noqa: PTH123 - a script of the standard library, as bare as it gets
        changes = [change for change in json.load(file)["changes"] if change["requests"]]
    streams = [list(same) for _, same in groupby(changes, key=lambda c: (c["namespace"], c["name"].split(":")[0]))]
    free = [http.client.HTTPConnection(url.removeprefix("http://")) for _ in range(connections)]

    def send(stream: list[dict]) -> None:
        connection = free.pop()
        for change in stream:
            for request in change["requests"]:
                headers = {"Content-Type": request["content_type"], "Accept": "application/json"}
                connection.request(request["method"], request["path"], json.dumps(request["body"]), headers)
                answer = connection.getresponse()
                json.loads(answer.read())
                assert answer.status == 200  # noqa: S101, PLR2004 - else there is nothing to compare
        free.append(connection)

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(send, streams))
    return time.perf_counter() - began


print(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
