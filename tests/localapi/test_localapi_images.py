"""ImageStreamImages: the images that tags of a stream have, and have had, by digest."""

import pytest
from localapi_client import docker

ONE, TWO = (f"sha256:{letter * 64}" for letter in "ab")


def image(api, name):
    return api("GET", f"~/namespaces/ns/imagestreamimages/{name}")


@pytest.fixture
def pushed(server, api):
    """A stream whose tag has had two images."""
    server.push("ns", "app", "v1", ONE)
    server.push("ns", "app", "v1", TWO)
    return api


@pytest.mark.parametrize("digest", [ONE, TWO])
def test_an_image_is_read_also_when_the_tag_has_moved_on(pushed, digest):
    answer = image(pushed, f"app@{digest}")
    assert (answer.status, answer.body["kind"]) == (200, "ImageStreamImage")
    assert answer.body["metadata"].items() >= {"name": f"app@{digest}", "namespace": "ns"}.items()
    assert answer.body["image"]["metadata"]["name"] == digest
    assert answer.body["image"]["dockerImageReference"].endswith(f"/ns/app@{digest}")


def test_an_image_that_was_imported_has_the_date_it_was_built_on(api):
    body = {
        "metadata": {"name": "app"},
        "spec": {"import": True, "images": [docker("r.example/x:1", to={"name": "v1"})]},
    }
    found = api("POST", "~/namespaces/ns/imagestreamimports", body).body["status"]["images"][0]["image"]
    read = image(api, f"app@{found['metadata']['name']}").body["image"]
    assert read["dockerImageMetadata"]["Created"] == found["dockerImageMetadata"]["Created"] != ""


@pytest.mark.parametrize(
    ("name", "status"),
    [(f"app@sha256:{'c' * 64}", 404), (f"other@{ONE}", 404), ("app", 400), ("app@", 400), (f"@{ONE}", 400)],
)
def test_what_is_no_image_of_the_stream_is_refused(pushed, name, status):
    assert image(pushed, name).status == status


def test_images_are_not_listed_and_not_written(pushed):
    assert pushed("GET", "~/namespaces/ns/imagestreamimages").status == 405
    assert pushed("DELETE", f"~/namespaces/ns/imagestreamimages/app@{ONE}").status == 405
