"""What runs images or builds them, kept without looking into it: no controller is here, so nobody makes Pods."""

from __future__ import annotations

from syncer.localapi.objects import Resource

WORKLOADS = (
    Resource("pods", "Pod", "v1", short="po"),
    Resource("deployments", "Deployment", "apps/v1", short="deploy"),
    Resource("statefulsets", "StatefulSet", "apps/v1", short="sts"),
    Resource("daemonsets", "DaemonSet", "apps/v1", short="ds"),
    Resource("cronjobs", "CronJob", "batch/v1", short="cj"),
    Resource("deploymentconfigs", "DeploymentConfig", "apps.openshift.io/v1", short="dc"),
    Resource("buildconfigs", "BuildConfig", "build.openshift.io/v1", short="bc"),
)
