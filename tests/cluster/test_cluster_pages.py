"""One list, page by page: what is asked for, what is kept, and what cannot be the whole of it."""

import pytest

from syncer.cluster.pages import read_list
from syncer.errors import ClusterError, ExpiredError

PATH = "/apis/image.openshift.io/v1/imagestreams"


def item(name, namespace="a"):
    return {"metadata": {"namespace": namespace, "name": name}}


def page(*items, kind="ImageStreamList", version="7", **metadata):
    return {"kind": kind, "items": list(items), "metadata": {"resourceVersion": version, **metadata}}


class Server:
    """Answers one page after the other; the last one stays."""

    def __init__(self, *pages):
        self.pages, self.asked = list(pages), []

    def get(self, path, query):
        self.asked.append((path, dict(query)))
        answer = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(len(self.asked)) if callable(answer) else answer


def read(*pages, namespace="", page_size=2, told=None):
    server = Server(*pages)
    found = read_list(
        server.get,
        PATH,
        "ImageStream",
        namespace=namespace,
        page_size=page_size,
        reduce=lambda one: one["metadata"]["name"].upper(),
        on_page=lambda values: (told if told is not None else []).append(list(values)),
    )
    return found, server.asked


def wrong(*pages, **more):
    with pytest.raises(ClusterError) as caught:
        read(*pages, **more)
    assert caught.value.hint == "the live state must be whole before anything is planned; nothing was written"
    return caught.value.message


def test_each_page_is_asked_for_by_the_token_of_the_one_before_and_told_as_it_comes():
    told = []
    found, asked = read(page(item("x"), item("y"), **{"continue": "t"}), page(item("z", "b")), told=told)
    assert found == {("a", "x"): "X", ("a", "y"): "Y", ("b", "z"): "Z"}
    assert asked == [(PATH, {"limit": 2}), (PATH, {"limit": 2, "continue": "t"})]
    assert told == [["X", "Y"], ["Z"]]


def test_an_empty_list_is_null_and_needs_no_metadata():
    assert read({"kind": "ImageStreamList", "items": None, "metadata": None})[0] == {}
    assert read({"kind": "ImageStreamList"})[0] == {}


def test_a_full_page_at_the_end_is_believed_where_the_list_has_a_version_and_a_shorter_one_anyway():
    assert len(read(page(item("x"), item("y")))[0]) == 2
    assert len(read(page(item("x"), version=""))[0]) == 1
    cut = "the list ended with a full page and no resourceVersion: it may be cut (fact 1)"
    assert wrong(page(item("x"), item("y"), version="")) == f"GET {PATH}: {cut}"
    assert wrong(page(item("x"), item("y"), version=""), page_size=1) == f"GET {PATH}: {cut}"


LONG = "x" * 200


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"kind": "Status"}, "expected an ImageStreamList, got kind 'Status'"),
        ({}, "expected an ImageStreamList, got kind None"),
        ({"kind": LONG}, f"expected an ImageStreamList, got kind '{'x' * 79}…"),
        ({"kind": "ImageStreamList", "items": {}}, "items must be a list, and metadata an object"),
        ({"kind": "ImageStreamList", "metadata": []}, "items must be a list, and metadata an object"),
        (page("text"), "item 0 is no ImageStream but 'text'"),
        (page(item("x"), {"metadata": None}), "item 1 is no ImageStream but {'metadata': None}"),
        (page(item(7)), "item 0 has no namespace and name: {'namespace': 'a', 'name': 7}"),
        (page(item("")), "item 0 has no namespace and name: {'namespace': 'a', 'name': ''}"),
        (page(item("x", 7)), "item 0 has no namespace and name: {'namespace': 7, 'name': 'x'}"),
        (page(item("x", "")), "item 0 has no namespace and name: {'namespace': '', 'name': 'x'}"),
        (page(item("x", "b")), "item 0 is of another namespace: 'b'"),
        (page(item("x"), item("x")), "the server listed the same object twice"),
        (page(**{"continue": ["t"]}), "metadata.continue is no string but ['t']"),
        (page(remainingItemCount=3), "the list ended with 3 objects remaining"),
    ],
    ids=str,
)
def test_what_cannot_be_the_list_is_told_with_what_came(answer, told):
    assert wrong(answer, namespace="a") == f"GET {PATH}: {told}"


def test_an_object_that_comes_again_on_a_later_page_is_an_error():
    again = page(item("x"), item("y")), page(item("z"), item("x"))
    first = {**again[0], "metadata": {"continue": "t"}}
    assert wrong(first, again[1]) == f"GET {PATH}: the server listed the same object twice"


@pytest.mark.parametrize(("empty", "ends"), [(9, True), (10, False)])
def test_nine_empty_pages_in_a_row_are_borne_and_ten_are_no_list(empty, ends):
    def pages(number):
        return page(**{"continue": f"t{number}"})

    filled = [page(item(f"n{number}"), **{"continue": f"s{number}"}) for number in range(2)]
    script = [filled[0], *[pages(number) for number in range(empty)], filled[1], *[pages(20)] * (ends * 1), page()]
    if ends:
        found, asked = read(*script)
        assert (len(found), len(asked)) == (2, len(script))
    else:
        assert wrong(*script) == f"GET {PATH}: the server repeats pages, and the list has no end"


def test_a_token_that_comes_twice_is_no_list():
    script = [page(item(f"n{number}"), **{"continue": "same"}) for number in range(2)]
    assert wrong(*script) == f"GET {PATH}: the server repeats pages, and the list has no end"


def test_a_list_that_expires_starts_anew_three_times_and_then_says_so():
    first = page(item("x"), **{"continue": "t"})
    expired = ExpiredError("410: too old", status=410, reason="Expired")
    found, asked = read(first, expired, first, page(item("y")))
    assert (set(found), len(asked)) == ({("a", "x"), ("a", "y")}, 4)
    server = Server(lambda number: first if number % 2 else _raise(expired))
    with pytest.raises(ExpiredError) as caught:
        read_list(
            server.get, PATH, "ImageStream", namespace="", page_size=2, reduce=lambda one: one, on_page=lambda _: None
        )
    error = caught.value
    assert len(server.asked) == 8
    assert (error.message, error.status, error.reason) == (
        "410: too old (the list was started 4 times)",
        410,
        "Expired",
    )
    assert error.hint == "the list takes longer than the server keeps its version: raise --page-size"


def _raise(error):
    raise error
