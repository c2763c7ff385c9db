"""Which images each kind of object refers to, and how, by table."""

import json

import pytest
from workloads_of import REGISTRY, named, pod, reference, template, triggered

from syncer.model import ObjectKey
from syncer.workloads import TRIGGERS, Link, Target, targets_of, workload_of

DIGEST = "sha256:" + "a" * 64
PROD = Target("team-a", "app", "prod")
BY_DIGEST = Target("team-a", "app", digest=DIGEST)


def links(item, *registries):
    found = workload_of(item["kind"], item, frozenset({REGISTRY, *registries}))
    return found and list(found.links)


def annotated(value, **spec):
    return named("Deployment", "team-a/web", metadata={"annotations": {TRIGGERS: value}}, spec=spec)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_the_annotation_of_a_deployment_names_a_tag_and_a_container(kind):
    assert links(triggered("team-a/web", "app:prod", kind=kind)) == [Link(PROD, "trigger", "web")]


def test_a_trigger_may_name_a_tag_of_another_namespace_and_be_paused():
    item = triggered("team-b/web", "app:prod", namespace="team-a", paused=True)
    assert links(item) == [Link(PROD, "trigger", "web", paused=True)]


@pytest.mark.parametrize(
    ("path", "container"),
    [
        ('spec.template.spec.containers[?(@.name=="api")].image', "api"),
        ("spec.template.spec.containers[?(@.name=='api')].image", "api"),
        ("spec.template.spec.containers[@name='api'].image", "api"),
        ("spec.template.spec.containers[1].image", "api"),
        ("spec.template.spec.initContainers[0].image", "init"),
        ('spec.jobTemplate.spec.template.spec.containers[?(@.name=="api")].image', "api"),
        ("spec.template.spec.containers[7].image", ""),
        ("spec.something.else", ""),
        (None, ""),
        (["x"], ""),
    ],
)
def test_the_field_path_of_a_trigger_names_its_container(path, container):
    spec = template(web="x", api="y")
    spec["template"]["spec"]["initContainers"] = [{"name": "init", "image": "z"}]
    item = annotated(json.dumps([{"from": reference("app:prod"), "fieldPath": path}]), **spec)
    assert [link.container for link in links(item)] == [container]


@pytest.mark.parametrize("value", ["", "not json", "{}", "[1]", '[{"from": 1}]', '[{"from": {"name": 1}}]', "null"])
def test_an_annotation_that_is_none_follows_nothing(value):
    assert links(annotated(value)) == []


def test_a_cronjob_has_its_containers_one_level_deeper():
    spec = {"jobTemplate": {"spec": template(job=f"{REGISTRY}/team-a/app:prod")}}
    assert links(named("CronJob", "team-a/report", spec=spec)) == [Link(PROD, "image", "job")]


def test_a_deploymentconfig_follows_by_its_triggers_a_link_a_container():
    params = {"automatic": True, "containerNames": ["web", "api"], "from": reference("app:prod")}
    off = {"automatic": False, "containerNames": ["job"], "from": reference("app:old")}
    triggers = [{"type": "ConfigChange"}, *({"type": "ImageChange", "imageChangeParams": one} for one in (params, off))]
    assert links(named("DeploymentConfig", "team-a/web", spec={"triggers": triggers})) == [
        Link(PROD, "trigger", "web"),
        Link(PROD, "trigger", "api"),
        Link(Target("team-a", "app", "old"), "trigger", "job", paused=True),
    ]


def test_a_buildconfig_is_triggered_builds_from_and_pushes_to_tags():
    spec = {
        "triggers": [
            {"type": "ImageChange", "imageChange": {}},
            {"type": "ImageChange", "imageChange": {"from": reference("lib:1"), "paused": True}},
            {"type": "GitHub"},
        ],
        "strategy": {"type": "Source", "sourceStrategy": {"from": reference("builder:9", "team-b")}},
        "source": {"images": [{"from": reference("assets:2")}]},
        "output": {"to": reference("app:prod")},
    }
    assert links(named("BuildConfig", "team-a/app", spec=spec)) == [
        Link(Target("team-b", "builder", "9"), "trigger"),
        Link(Target("team-a", "lib", "1"), "trigger", paused=True),
        Link(Target("team-b", "builder", "9"), "build"),
        Link(Target("team-a", "assets", "2"), "build"),
        Link(PROD, "output"),
    ]


@pytest.mark.parametrize(
    ("image", "target"),
    [
        (f"{REGISTRY}/team-a/app:prod", PROD),
        (f"{REGISTRY}/team-a/app", Target("team-a", "app", "latest")),
        (f"{REGISTRY}/team-a/app@{DIGEST}", BY_DIGEST),
        ("apps.example.com/team-a/app:prod", PROD),
        ("quay.example.com/team-a/app:prod", None),
        (f"quay.example.com/team-a/app@{DIGEST}", None),
        (f"{REGISTRY}/team-a/deeper/app:prod", None),
        ("busybox", None),
        (7, None),
    ],
)
def test_a_container_names_a_tag_only_by_the_internal_registry(image, target):
    found = links(named("Deployment", "team-z/web", spec=template(web=image)), "apps.example.com")
    assert [link.target for link in found] == ([target] if target else [])


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        (reference("app:prod"), PROD),
        (reference("app"), Target("team-a", "app", "latest")),
        (reference(f"app@{DIGEST}", kind="ImageStreamImage"), BY_DIGEST),
        (reference(f"{REGISTRY}/team-a/app:prod", kind="DockerImage"), PROD),
        (reference("quay.example.com/x:1", kind="DockerImage"), None),
        (reference("app:prod", kind="Pod"), None),
        ({"kind": "ImageStreamTag"}, None),
        (None, None),
    ],
)
def test_a_build_starts_from_each_kind_of_reference(origin, target):
    spec = {"strategy": {"dockerStrategy": {"from": origin}}}
    found = links(named("BuildConfig", "team-a/app", spec=spec))
    assert [link.target for link in found] == ([target] if target else [])


def test_a_pod_names_images_and_runs_them_by_digest():
    item = pod("team-a/p", image=f"{REGISTRY}/team-a/app:prod", image_id=f"{REGISTRY}/team-a/app@{DIGEST}")
    assert links(item) == [Link(PROD, "image", "main"), Link(BY_DIGEST, "digest", "main")]


@pytest.mark.parametrize("scheme", ["", "docker-pullable://", "docker://"])
def test_a_pod_that_runs_an_image_of_another_registry_is_known_by_digest_in_its_namespace(scheme):
    item = pod("team-a/p", image="quay.example.com/x:1", image_id=f"{scheme}quay.example.com/x@{DIGEST}")
    assert links(item) == [Link(Target("team-a", digest=DIGEST), "digest", "main")]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_uses_nothing(phase):
    assert links(pod("team-a/p", image=f"{REGISTRY}/team-a/app:prod", phase=phase)) is None


@pytest.mark.parametrize(
    ("item", "owner"),
    [
        (pod("a/p"), None),
        (pod("a/p", owner=("ReplicaSet", "web-5d4f"), made_of="5d4f"), ("Deployment", "web")),
        (pod("a/p", owner=("ReplicaSet", "by-hand")), ("ReplicaSet", "by-hand")),
        (pod("a/p", owner=("StatefulSet", "db")), ("StatefulSet", "db")),
        (pod("a/p", owner=("Job", "report-29000000")), ("Job", "report-29000000")),
        (named("Pod", "a/p", metadata={"ownerReferences": [{"kind": 1}]}), None),
        (
            named(
                "Pod",
                "a/p",
                metadata={
                    "ownerReferences": [{"kind": "ReplicationController", "name": "web-3"}],
                    "annotations": {"openshift.io/deployment-config.name": "web"},
                },
            ),
            ("DeploymentConfig", "web"),
        ),
    ],
)
def test_a_pod_belongs_to_what_people_made(item, owner):
    assert workload_of("Pod", item, frozenset()).owner == owner


def test_a_tag_is_meant_by_its_name_and_by_the_digest_of_its_image():
    key = ObjectKey("team-a", "app", "prod")
    assert targets_of(key, "") == (PROD,)
    assert targets_of(key, DIGEST) == (PROD, BY_DIGEST, Target("team-a", digest=DIGEST))


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "CronJob", "DeploymentConfig", "BuildConfig"])
@pytest.mark.parametrize("spec", [None, [], "x", {"template": 1, "triggers": 2, "strategy": [], "jobTemplate": "x"}])
def test_an_object_of_an_odd_shape_names_no_image(kind, spec):
    assert links({"kind": kind, "metadata": {"namespace": "a", "name": "b"}, "spec": spec, "status": spec}) == []
