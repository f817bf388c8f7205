"""A load test in the cluster: its two Jobs are as confined as the pods, and agree with the command and each other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.command import main
from loadtests.core.profiles import PROFILES
from tests.k8s import policy
from tests.k8s.rendered import K8S, VERSION, Manifests, containers, pod, render

# Of the base alone: a load test is no part of a release.
OF_A_RELEASE = {policy.the_schema_goes_first}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("overlay").resolve()
    base, component = (os.path.relpath(K8S / name, folder) for name in ("base", "components/load-test"))
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: bellwire\n"
        f"resources: [{base}]\ncomponents: [{component}]\n",
        encoding="utf-8",
    )
    return render(folder)


@pytest.fixture(scope="module")
def manifests(text: str) -> Manifests:
    return Manifests.of(text)


def test_every_resource_is_valid_for_kubernetes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(text, encoding="utf-8")
    words = [str(Path(sys.executable).with_name("kubernetes-validate")), "--strict", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "rule", [*policy.RULES, policy.only_kinds_of_kubernetes], ids=lambda rule: rule.__name__
)
def test_the_rules_of_the_manifests_hold_with_it(rule: policy.Rule, manifests: Manifests) -> None:
    if rule not in OF_A_RELEASE:
        assert list(rule(manifests)) == []


def test_the_image_is_of_this_release(manifests: Manifests) -> None:
    for name in ("load-test", "load-workers"):
        assert [c["image"] for c in containers(manifests.only("Job", name))] == [f"bellwire-load:{VERSION}"]


def test_the_words_and_settings_are_those_that_the_command_knows(manifests: Manifests) -> None:
    options = {
        name: {word for option in command.params for word in option.opts}
        for name, command in main.commands.items()
    }
    lead, work = (
        next(containers(manifests.only("Job", name)))["args"] for name in ("load-test", "load-workers")
    )
    assert lead[1] == "$(PROFILE)"
    for args in (lead, work):
        assert {word for word in args if word.startswith("--")} <= options[args[0]]
    settings = manifests.only("ConfigMap", "load-test")["data"]
    assert settings.pop("PROFILE") in PROFILES
    for name in settings:
        assert f"--{name.removeprefix('BELLWIRE_LOAD_RUN_').lower().replace('_', '-')}" in options["run"], (
            name
        )


def test_as_many_workers_are_started_as_are_waited_for_and_each_finds_the_lead(manifests: Manifests) -> None:
    settings, workers = (
        manifests.only("ConfigMap", "load-test")["data"],
        manifests.only("Job", "load-workers"),
    )
    count = int(settings["BELLWIRE_LOAD_RUN_WORKERS"])
    assert (workers["spec"]["parallelism"], workers["spec"]["completions"]) == (count, count)
    args = next(containers(workers))["args"]
    service = manifests.only("Service", args[args.index("--master-host") + 1])
    assert 5557 in {port["port"] for port in service["spec"]["ports"]}
    assert settings["BELLWIRE_LOAD_RUN_REMOTE"] == settings["BELLWIRE_LOAD_RUN_HOST"].partition("://")[2]


def test_the_key_is_a_file_of_a_secret_and_a_failed_test_is_not_begun_again(manifests: Manifests) -> None:
    lead = manifests.only("Job", "load-test")
    assert {"name": "keys", "secret": {"secretName": "load-test", "defaultMode": 0o440}} in pod(lead)[
        "volumes"
    ]
    assert lead["spec"]["backoffLimit"] == 0
    args = next(containers(lead))["args"]
    assert args[args.index("--operator-key-file") + 1] == "/keys/operator-key"
