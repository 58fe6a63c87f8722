import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.web.server import WebServer
from config.settings import VARIABLES, load_settings
from config.sources import FILE_VARIABLES
from scripts import chart
from tests.app.web.worker import Worker
from tests.deploy import custom_kinds
from tests.deploy.helm import (
    CHART,
    FOR_NEWEST,
    NEWEST,
    ROOT,
    VALUE_SETS,
    ask,
    notes,
    refusal,
    rendered,
    values_of,
    why_no_helm,
    worker,
)

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
KUBERNETES = ("1.27", "1.31", NEWEST)
"""The oldest that Chart.yaml allows, one in between and the newest that the validator knows."""


@pytest.fixture(autouse=True)
def _helm() -> None:
    if missing := why_no_helm():
        pytest.skip(missing)


# -- the chart as a whole


@pytest.mark.parametrize("name", VALUE_SETS)
def test_helm_finds_nothing_to_complain_about(name: str) -> None:
    answer = ask("lint", "--strict", *FOR_NEWEST, CHART, "--values", values_of(name))

    assert (answer.status, "1 chart(s) linted, 0 chart(s) failed" in answer.out) == (0, True), answer.out


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", VALUE_SETS)
def test_kubernetes_takes_every_object(name: str, version: str) -> None:
    for kind, thing in rendered(name, "--kube-version", version).items():
        if kind not in custom_kinds.KINDS:
            assert kubernetes_validate.validate(thing, version, strict=True) == version


@pytest.mark.parametrize("name", VALUE_SETS)
def test_keda_and_the_prometheus_operator_take_what_is_meant_for_them(name: str) -> None:
    if missing := custom_kinds.why_no_schemas():
        pytest.skip(missing)
    for kind, thing in rendered(name).items():
        if kind in custom_kinds.KINDS:
            assert custom_kinds.mistakes(thing) == []


def test_with_everything_on_every_kind_is_there() -> None:
    assert set(rendered("everything")) == {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ScaledObject",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
        "TriggerAuthentication",
    }


def test_the_defaults_ask_for_nothing_but_kubernetes_itself() -> None:
    kinds = set(rendered("minimal"))

    assert kinds == {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"}


@pytest.mark.parametrize("name", VALUE_SETS)
def test_whoever_is_looked_for_by_labels_is_found(name: str) -> None:
    objects = rendered(name)
    pods = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    service = objects["Service"]

    def found(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
        return selector.items() <= labels.items()

    assert found(objects["Deployment"]["spec"]["selector"]["matchLabels"], pods)
    assert found(service["spec"]["selector"], pods)
    assert found(objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], pods)
    if policy := objects.get("NetworkPolicy"):
        assert found(policy["spec"]["podSelector"]["matchLabels"], pods)
    if monitor := objects.get("ServiceMonitor"):
        assert found(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        assert {each["port"] for each in monitor["spec"]["endpoints"]} == {"http"}
    if scaled := objects.get("ScaledObject"):
        assert scaled["spec"]["scaleTargetRef"]["name"] == objects["Deployment"]["metadata"]["name"]


def test_two_releases_are_two_jobs_and_the_rules_know_both() -> None:
    """A job is a group of workers, and two namespaces may have releases of one name."""
    objects = rendered("everything")
    monitor = objects["ServiceMonitor"]["spec"]
    (endpoint,) = monitor["endpoints"]
    given = {each["targetLabel"]: each for each in endpoint["relabelings"]}

    assert monitor["jobLabel"] == "app.kubernetes.io/instance"
    assert monitor["jobLabel"] in objects["Service"]["metadata"]["labels"]
    assert given["job"]["sourceLabels"] == ["__meta_kubernetes_namespace", "job"]
    (scraped,) = yaml.safe_load((ROOT / "config" / "prometheus.yml").read_text())["scrape_configs"]
    assert scraped["relabel_configs"] == [{"target_label": "app", "replacement": given["app"]["replacement"]}]


def test_an_upgrade_finds_the_pods_of_the_version_before() -> None:
    """What is looked for by has no version in it; that of a Deployment could not even be changed."""
    objects = rendered("secured")
    selectors = [
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]

    assert {frozenset(each) for each in selectors} == {
        frozenset({"app.kubernetes.io/instance", "app.kubernetes.io/name"})
    }


def test_every_object_keeps_to_the_namespace_of_the_release() -> None:
    assert {each["metadata"].get("namespace", "ranking") for each in rendered("everything").values()} == {"ranking"}


# -- settings


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_service_takes_the_settings_that_the_chart_makes(name: str, tmp_path: Path) -> None:
    """Every variable is one of the service's own, and all of them together are no contradiction."""
    objects = rendered(name)
    variables = dict(objects["ConfigMap"]["data"])
    assert set(variables) <= {*VARIABLES, *FILE_VARIABLES}
    for variable in FILE_VARIABLES:
        if variable in variables:
            # Mounted in a cluster; here the file only has to be one.
            (tmp_path / variable).write_text("somebody")
            variables[variable] = str(tmp_path / variable)

    settings = load_settings(variables, env_file=None)

    assert settings.kafka.input_topic == "records"
    (source,) = (each for each in worker(objects)["envFrom"] if "configMapRef" in each)
    assert source["configMapRef"]["name"] == objects["ConfigMap"]["metadata"]["name"]


def test_numbers_and_booleans_arrive_as_they_were_written() -> None:
    data = rendered("everything")["ConfigMap"]["data"]
    wanted = {
        "RECORD_MAX_BYTES": "10485760",
        "BATCH_MAX_DELAY_MS": "0.5",
        "PAGE_SHOWS_RECORDS": "true",
        "INPUT_FIELDS": '{"pixels": "image.pixels"}',
        "SHUTDOWN_TIMEOUT_SECONDS": "45.5",
        "HTTP_PORT": "9000",
    }

    assert {name: data[name] for name in wanted} == wanted


def test_a_changed_setting_replaces_the_pods_and_the_same_ones_do_not() -> None:
    def template(*options: str) -> Any:
        return rendered("minimal", *options)["Deployment"]["spec"]["template"]

    assert template() == template()
    assert template() != template("--set", "settings.RANK_TOP_K=3")
    assert template() == template("--set", "replicas=3")


def test_the_schema_knows_each_variable_once() -> None:
    among_settings = set(SCHEMA["properties"]["settings"]["properties"])

    assert among_settings.isdisjoint(chart.DECIDED_ELSEWHERE)
    assert among_settings | set(chart.DECIDED_ELSEWHERE) == set(VARIABLES)


def test_every_value_has_a_description_and_no_other_is_taken() -> None:
    def walk(schema: Mapping[str, Any], path: str) -> None:
        for name, each in schema["properties"].items():
            assert each.get("description"), f"{path}{name}"
            if "properties" in each:
                assert each["additionalProperties"] is False, f"{path}{name}"
                walk(each, f"{path}{name}.")

    walk(SCHEMA, "")
    assert SCHEMA["additionalProperties"] is False


def test_every_value_of_the_schema_has_its_default_in_values_yaml() -> None:
    def names(values: Mapping[str, Any], properties: Mapping[str, Any], path: str = "") -> set[str]:
        found = set()
        for name, each in values.items():
            deeper = properties[name].get("properties")
            found |= names(each, deeper, f"{path}{name}.") if deeper and isinstance(each, dict) else {path + name}
        return found

    def described(properties: Mapping[str, Any], path: str = "") -> set[str]:
        found = set()
        for name, each in properties.items():
            found |= described(each["properties"], f"{path}{name}.") if "properties" in each else {path + name}
        return found

    properties = {name: each for name, each in SCHEMA["properties"].items() if name not in {"settings", "global"}}
    values = {name: each for name, each in VALUES.items() if name != "settings"}
    # Of these at most one is given, so none has a default.
    volumes = {name for name in described(properties) if name.startswith("model.volume.")}
    assert names(values, properties) | volumes == described(properties)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("settings.BATCH_MAX_SISE=5", "BATCH_MAX_SISE"),
        ("settings.KAFKA_SASL_PASSWORD=hush", "KAFKA_SASL_PASSWORD"),
        ("settings.PROCESSING_GUARANTEE=exactly_onec", "PROCESSING_GUARANTEE"),
        ("settings.INPUT_TOPIC=null", "INPUT_TOPIC"),
        ("settings.KAFKA_BOOTSTRAP_SERVERS=kafka", "KAFKA_BOOTSTRAP_SERVERS"),
        ("settings.KAFKA_BOOTSTRAP_SERVERS=kafka:9092\\,other", "KAFKA_BOOTSTRAP_SERVERS"),
        ("settings.KAFKA_BOOTSTRAP_SERVERS=kafka:0", "KAFKA_BOOTSTRAP_SERVERS"),
        ("replica=3", "replica"),
        ("replicas=-1", "replicas"),
        ("http.port=80", "port"),
        ("http.port=http", "port"),
        ("kafka.sasl.mechanism=GSSAPI", "mechanism"),
        ("kafka.sasl.password=hush", "password"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=sha256:12", "digest"),
        ("keda.partitions=0", "partitions"),
        ("resources.limit.memory=1Gi", "limit"),
        ("tmpSizeLimit=1 GB", "tmpSizeLimit"),
        ("model.volume.secret.secretName=a", "secret"),
        ("shutdownTimeoutSeconds=0", "shutdownTimeoutSeconds"),
        ("user=0", "user"),
    ],
)
def test_the_schema_refuses_what_is_wrong_and_names_it(option: str, said: str) -> None:
    answer = refusal("minimal", "--set", option)

    assert "values don't meet the specifications of the schema" in answer
    assert said in answer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model.existingClaim="], "settings.MODEL_PATH=/models/digits: nothing is mounted at /models"),
        (["model.volume.nfs.server=a"], "model.existingClaim and model.volume: set one of them"),
        (["kafka.sasl.mechanism=PLAIN"], "kafka.sasl: mechanism and existingSecret go together"),
        (["kafka.sasl.existingSecret=user"], "kafka.sasl: mechanism and existingSecret go together"),
        (["kafka.tls.caSecret=ca"], "kafka.tls: caSecret and clientSecret are used only with enabled=true"),
        (["kafka.tls.enabled=true", "kafka.tls.keyPasswordKey=a"], "kafka.tls.keyPasswordKey: needs clientSecret"),
        (["keda.enabled=true"], "keda.partitions: say how many partitions the input topic has"),
        (["updateStrategy.maxSurge=0"], "updateStrategy: maxSurge and maxUnavailable are both 0"),
        (["updateStrategy.maxSurge=0%"], "updateStrategy: maxSurge and maxUnavailable are both 0"),
        (["updateStrategy.maxSurge=0", "updateStrategy.maxUnavailable=00%"], "updateStrategy: maxSurge and"),
        (["gpu.enabled=true", "updateStrategy.maxUnavailable=0"], "updateStrategy: maxSurge and maxUnavailable are"),
    ],
)
def test_values_that_contradict_each_other_are_refused(options: list[str], said: str) -> None:
    assert said in refusal("minimal", *(part for option in options for part in ("--set", option)))


def test_without_any_value_it_says_what_is_missing() -> None:
    answer = ask("template", "ranker", CHART, *FOR_NEWEST)

    assert answer.status != 0
    for name in chart.REQUIRED:
        assert name in answer.error


# -- the pods


@pytest.mark.parametrize("name", VALUE_SETS)
def test_a_worker_may_do_nothing_that_it_need_not(name: str) -> None:
    objects = rendered(name)
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    container = worker(objects)

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == image_user()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable - {"/var/cache/streamrank"} == {"/tmp"}  # noqa: S108 - where it is mounted, in a container


RESTRICTED = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""The volumes that the restricted Pod Security Standard allows."""


@pytest.mark.parametrize("name", ["minimal", "gpu", "remote", "scaled"])
def test_volumes_are_of_the_kinds_that_restricted_pods_may_have(name: str) -> None:
    volumes = rendered(name)["Deployment"]["spec"]["template"]["spec"]["volumes"]

    assert {kind for volume in volumes for kind in volume if kind != "name"} <= RESTRICTED


def image_user() -> int:
    found = re.search(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_platform_may_choose_the_user_itself() -> None:
    pod = rendered("minimal", "--set", "user=null")["Deployment"]["spec"]["template"]["spec"]

    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("name", VALUE_SETS)
def test_a_worker_is_given_more_time_to_stop_than_it_takes(name: str) -> None:
    objects = rendered(name)
    takes = float(objects["ConfigMap"]["data"]["SHUTDOWN_TIMEOUT_SECONDS"])

    assert objects["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= takes + 10


@pytest.mark.parametrize("name", VALUE_SETS)
async def test_the_probes_ask_a_port_and_paths_that_the_service_has(name: str) -> None:
    objects = rendered(name)
    container = worker(objects)
    (port,) = container["ports"]
    assert str(port["containerPort"]) == objects["ConfigMap"]["data"]["HTTP_PORT"]
    (of_service,) = objects["Service"]["spec"]["ports"]
    assert (of_service["port"], of_service["targetPort"]) == (port["containerPort"], port["name"])
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {each["port"] for each in probes.values()} == {port["name"]}
    paths = {name: each["path"] for name, each in probes.items()}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    if monitor := objects.get("ServiceMonitor"):
        paths["monitor"] = monitor["spec"]["endpoints"][0]["path"]

    assert set((await answers(paths.values())).values()) == {200}


async def answers(paths: Any) -> dict[str, int]:
    """What the service's own server answers."""
    import aiohttp

    server: WebServer = Worker().server()
    port = await server.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as client:
            return {path: (await client.get(f"http://127.0.0.1:{port}{path}")).status for path in paths}
    finally:
        await server.stop()


def test_a_worker_that_waits_for_a_broker_is_left_alone() -> None:
    """It is alive and not ready for as long as that takes: no probe that ends it asks whether it is ready."""
    container = worker(rendered("minimal"))
    ending = (container["startupProbe"], container["livenessProbe"])

    assert {each["httpGet"]["path"] for each in ending} == {"/livez"}
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] == 300
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] == 60


def test_no_variable_is_made_of_the_names_of_other_services() -> None:
    assert rendered("minimal")["Deployment"]["spec"]["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("options", "surge", "unavailable"),
    [
        (["updateStrategy.maxSurge=0,updateStrategy.maxUnavailable=1"], 0, 1),
        (["updateStrategy.maxSurge=100%"], "100%", 0),
        (["updateStrategy.maxUnavailable=2"], 1, 2),
        (["gpu.enabled=true", "updateStrategy.maxSurge=1"], 1, 1),
    ],
)
def test_workers_are_replaced_as_is_said(options: list[str], surge: int | str, unavailable: int) -> None:
    objects = rendered("minimal", *(part for option in options for part in ("--set", option)))

    strategy = objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": surge, "maxUnavailable": unavailable}


# -- secrets


def test_secrets_are_mounted_where_the_settings_look_for_them() -> None:
    for name in ("secured", "everything"):
        objects = rendered(name)
        settings = objects["ConfigMap"]["data"]
        paths = {value for variable, value in settings.items() if variable.endswith("_FILE")}
        paths |= {settings[each] for each in settings if re.fullmatch("KAFKA_SSL_(CA|CERT|KEY)FILE", each)}
        mounts = {each["name"]: each for each in worker(objects)["volumeMounts"]}
        there = set()
        for volume in objects["Deployment"]["spec"]["template"]["spec"]["volumes"]:
            if secret := volume.get("secret"):
                assert mounts[volume["name"]]["readOnly"] is True
                assert secret["defaultMode"] == 0o440
                there |= {f"{mounts[volume['name']]['mountPath']}/{item['path']}" for item in secret["items"]}
        assert paths == there


def test_no_secret_is_in_what_the_chart_writes() -> None:
    assert "Secret" not in rendered("everything")
    names = set(rendered("everything")["ConfigMap"]["data"])
    assert names.isdisjoint({"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD"})


SECRET_ADDRESSES = [
    "https://somebody:hush@models.example.com/digits.tar.gz",
    "s3://hush@models/digits",
    "https://models.example.com/digits.tar.gz?signature=hush",
]


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
@pytest.mark.parametrize("place", ["settings", "extraEnv"])
def test_an_address_with_a_secret_in_it_is_refused_and_not_told(address: str, place: str) -> None:
    if place == "settings":
        answer = refusal("remote", "--set", f"settings.MODEL_PATH={address}")
    else:
        answer = refusal("remote", "--set", f"extraEnv[0].name=MODEL_PATH,extraEnv[0].value={address}")

    assert "extraEnvFrom" in answer
    assert "MODEL_PATH" in answer
    assert "hush" not in answer


@pytest.mark.parametrize("path", ["https://models.example.com/@digits.tar.gz", "/models/what?", "/models/a@b"])
def test_other_addresses_are_none(path: str) -> None:
    assert rendered("minimal", "--set", f"settings.MODEL_PATH={path}")["ConfigMap"]["data"]["MODEL_PATH"] == path


def test_what_a_secret_says_of_the_model_wins_over_settings() -> None:
    """Of several sources Kubernetes takes a variable from the last."""
    objects = rendered("remote", "--set", "extraEnvFrom[0].secretRef.name=model")

    assert [next(iter(each)) for each in worker(objects)["envFrom"]] == ["configMapRef", "secretRef"]


@pytest.mark.parametrize("variable", chart.DECIDED_ELSEWHERE)
def test_what_a_value_decides_is_not_taken_as_extra_environment(variable: str) -> None:
    for name in (variable, f"{variable}_FILE"):
        said = f"extraEnv: {name} is decided by the value {chart.DECIDED_ELSEWHERE[variable]}"
        assert said in refusal("minimal", "--set", f"extraEnv[0].name=A,extraEnv[1].name={name},extraEnv[1].value=hush")


@pytest.mark.parametrize(
    ("tls", "sasl", "protocol"),
    [
        (False, False, "PLAINTEXT"),
        (True, False, "SSL"),
        (False, True, "SASL_PLAINTEXT"),
        (True, True, "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_what_is_given(tls: bool, sasl: bool, protocol: str) -> None:
    options = ["--set", f"kafka.tls.enabled={str(tls).lower()}"]
    if sasl:
        options += ["--set", "kafka.sasl.mechanism=PLAIN,kafka.sasl.existingSecret=user"]

    assert rendered("minimal", *options)["ConfigMap"]["data"]["KAFKA_SECURITY_PROTOCOL"] == protocol


# -- GPUs and models


def test_a_gpu_is_asked_for_and_insisted_on() -> None:
    objects = rendered("gpu")
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    container = worker(objects)

    assert container["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": 1}
    assert container["image"] == f"streamrank:{chart.version()}-gpu"
    assert objects["ConfigMap"]["data"]["MODEL_DEVICE"] == "gpu"
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["runtimeClassName"] == "nvidia"
    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_without_a_gpu_nobody_is_missing_while_workers_are_replaced() -> None:
    objects = rendered("minimal")

    assert objects["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "limits" in worker(objects)["resources"]
    assert "cpu" not in worker(objects)["resources"]["limits"]


def test_a_model_in_a_volume_can_be_read_only() -> None:
    objects = rendered("minimal")
    (mount,) = (each for each in worker(objects)["volumeMounts"] if each["name"] == "model")

    assert mount == {"name": "model", "mountPath": "/models", "readOnly": True}
    assert objects["ConfigMap"]["data"]["MODEL_PATH"].startswith(f"{mount['mountPath']}/")


def test_a_remote_model_has_a_place_for_its_copies() -> None:
    objects = rendered("remote")
    volumes = {each["name"]: each for each in objects["Deployment"]["spec"]["template"]["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in worker(objects)["volumeMounts"]}

    assert volumes["model-cache"]["emptyDir"] == {"sizeLimit": "2Gi"}
    assert objects["ConfigMap"]["data"]["MODEL_CACHE_PATH"] == mounts["model-cache"]
    assert "model" not in volumes


# -- scaling and the network


def test_there_are_never_more_workers_than_partitions() -> None:
    spec = rendered("scaled")["ScaledObject"]["spec"]

    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 12)
    assert rendered("everything")["ScaledObject"]["spec"]["maxReplicaCount"] == 8


def test_what_one_worker_has_in_flight_calls_for_no_other() -> None:
    """It counts as lag until it is committed."""
    assert VALUES["keda"]["lagThreshold"] > int(VARIABLES["IN_FLIGHT_MAX_RECORDS"].default or 0)


def test_keda_looks_at_the_group_and_the_topic_of_the_workers() -> None:
    objects = rendered("scaled")
    (trigger,) = objects["ScaledObject"]["spec"]["triggers"]
    settings = load_settings(objects["ConfigMap"]["data"], env_file=None).kafka
    metadata = trigger["metadata"]

    assert metadata["bootstrapServers"] == ",".join(settings.bootstrap_servers)
    assert metadata["topic"] == settings.input_topic
    assert metadata["consumerGroup"] == settings.consumer_group
    assert metadata["offsetResetPolicy"] == settings.auto_offset_reset
    assert "authenticationRef" not in trigger
    assert "replicas" not in objects["Deployment"]["spec"]


def test_the_group_that_keda_looks_at_has_the_services_own_default() -> None:
    objects = rendered("scaled", "--set", "settings.CONSUMER_GROUP=null")
    metadata = objects["ScaledObject"]["spec"]["triggers"][0]["metadata"]

    assert "CONSUMER_GROUP" not in objects["ConfigMap"]["data"]
    assert metadata["consumerGroup"] == VARIABLES["CONSUMER_GROUP"].default
    assert metadata["offsetResetPolicy"] == VARIABLES["AUTO_OFFSET_RESET"].default


@pytest.mark.parametrize("name", ["scaled", "everything"])
def test_keda_knows_every_parameter_that_it_is_given(name: str) -> None:
    if missing := custom_kinds.why_no_schemas():
        pytest.skip(missing)
    known = custom_kinds.kafka_parameters()
    objects = rendered(name)
    (trigger,) = objects["ScaledObject"]["spec"]["triggers"]
    given = trigger["metadata"]
    secret = [each["parameter"] for each in objects.get("TriggerAuthentication", {"spec": {"secretTargetRef": []}})
              ["spec"]["secretTargetRef"]]  # fmt: skip

    assert all(known[each].get("metadataVariableReadable") for each in given)
    assert all(value in known[each].get("allowedValue", [value]) for each, value in given.items())
    assert all(known[each].get("triggerAuthenticationVariableReadable") for each in secret)


def test_keda_logs_in_as_the_workers_do() -> None:
    objects = rendered("everything")
    (trigger,) = objects["ScaledObject"]["spec"]["triggers"]
    secrets = {each["parameter"]: (each["name"], each["key"]) for each in references(objects)}

    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == ("plaintext", "enable")
    assert trigger["authenticationRef"] == {"name": objects["TriggerAuthentication"]["metadata"]["name"]}
    assert secrets == {
        "username": ("kafka-user", "user"),
        "password": ("kafka-user", "secret"),
        "ca": ("kafka-ca", "ca.pem"),
        "cert": ("kafka-client", "cert.pem"),
        "key": ("kafka-client", "key.pem"),
    }


def references(objects: Mapping[str, Any]) -> list[dict[str, str]]:
    return objects["TriggerAuthentication"]["spec"]["secretTargetRef"]


def test_the_network_policy_lets_through_what_a_worker_needs() -> None:
    def ports(rules: list[dict[str, Any]]) -> set[tuple[str, Any]]:
        return {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}

    secured = rendered("secured")["NetworkPolicy"]["spec"]
    remote = rendered("remote")["NetworkPolicy"]["spec"]

    assert ports(secured["ingress"]) == {("TCP", "http")}
    assert secured["ingress"][0]["from"] == [{"podSelector": {}}]
    assert ports(secured["egress"]) == {("UDP", 53), ("TCP", 53), ("TCP", 9094), ("TCP", 9095)}
    assert ports(remote["egress"]) == {("UDP", 53), ("TCP", 53), ("TCP", 9092), ("TCP", 443)}


@pytest.mark.parametrize(
    "servers",
    ["kafka:9092", "a.example.com:9094,b-2.example.com:9095", "10.0.0.1:9092 , [2001:db8::1]:9093", "a:1,b:65535"],
)
def test_the_policys_ports_are_those_of_the_brokers_that_the_service_reads(servers: str) -> None:
    objects = rendered("remote", "--set-json", f"settings.KAFKA_BOOTSTRAP_SERVERS={json.dumps(servers)}")
    (brokers,) = [
        each["ports"]
        for each in objects["NetworkPolicy"]["spec"]["egress"]
        if each["ports"][0]["port"] not in {53, 443}
    ]

    read = load_settings(objects["ConfigMap"]["data"], env_file=None).kafka.bootstrap_servers
    assert [each["port"] for each in brokers] == [int(server.rpartition(":")[2]) for server in read]


# -- the page


BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "kubernetes.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_values_on_the_page_are_ones_that_the_chart_takes(block: str, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(block)
    objects = rendered("minimal", "--values", str(tmp_path / "values.yaml"))

    for kind, thing in objects.items():
        if kind not in custom_kinds.KINDS:
            assert kubernetes_validate.validate(thing, NEWEST, strict=True) == NEWEST


# -- what is told in the end


def test_the_notes_tell_how_to_look_at_the_workers(tmp_path: Path) -> None:
    told = notes("minimal", tmp_path)

    assert "Workers of the group streamrank read records and publish to rankings." in told
    assert "kubectl --namespace ranking port-forward deployment/ranker-streamrank 8000" in told
    assert "there are 1 replicas now" in told
    assert "KEDA" not in told


def test_the_notes_name_what_is_special(tmp_path: Path) -> None:
    told = notes("everything", tmp_path)

    assert "KEDA scales them from 0 to 8" in told
    assert "kubectl --namespace ranking rollout restart deployment/ranker" in told


def test_the_notes_say_where_a_model_without_a_volume_must_be(tmp_path: Path) -> None:
    told = notes("minimal", tmp_path, "--set", "model.existingClaim=,settings.MODEL_PATH=/opt/digits")

    assert "the image must have it at /opt/digits" in told


def test_the_notes_warn_when_prometheus_may_be_kept_out(tmp_path: Path) -> None:
    both = ("--set", "serviceMonitor.enabled=true,networkPolicy.enabled=true")
    elsewhere = ("--set", "networkPolicy.from[0].namespaceSelector.matchLabels.name=monitoring")
    warning = "unless your Prometheus runs there, add its namespace to networkPolicy.from"

    assert f"Only pods of the namespace ranking reach /metrics: {warning}." in notes("minimal", tmp_path / "a", *both)
    assert warning not in notes("minimal", tmp_path / "b", *both, *elsewhere)
    assert warning not in notes("minimal", tmp_path / "c", "--set", "serviceMonitor.enabled=true")
    assert warning not in notes("everything", tmp_path / "d")
