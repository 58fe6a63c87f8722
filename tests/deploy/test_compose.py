"""The compose files and what goes with them. `make compose-test` runs them for real, where there is a Docker engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from app.demo.service import settings_for
from config.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
COMPOSE, GPU = ROOT / "docker-compose.yml", ROOT / "docker-compose.gpu.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
EVERY = pytest.mark.parametrize("name", SERVICES)


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


@EVERY
def test_a_service_has_no_more_rights_and_memory_than_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    # Kafka's image writes its configuration into its own folders when it starts.
    assert service.get("read_only") or service["image"].startswith("apache/kafka:")


@EVERY
def test_what_serves_comes_back_by_itself_and_what_is_done_once_does_not(name: str) -> None:
    once = {"topics", "model"}

    assert ("restart" not in SERVICES[name]) == (name in once)


@EVERY
def test_only_this_machine_reaches_a_published_port(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


def test_other_peoples_images_are_pinned_by_version() -> None:
    theirs = {service["image"] for service in SERVICES.values()} - {"streamrank:cpu"}

    assert all(re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image) for image in theirs), theirs


def test_nothing_but_grafana_has_to_be_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"grafana"}


def test_what_waits_for_another_waits_until_that_is_ready() -> None:
    conditions = {
        (name, other): condition["condition"]
        for name, service in SERVICES.items()
        for other, condition in service.get("depends_on", {}).items()
    }

    assert conditions == {
        ("topics", "kafka"): "service_healthy",
        ("worker", "topics"): "service_completed_successfully",
        ("worker", "model"): "service_completed_successfully",
        ("demo", "worker"): "service_healthy",
        ("grafana", "prometheus"): "service_healthy",
    }


def test_a_worker_is_given_more_time_to_stop_than_it_takes() -> None:
    grace = seconds(SERVICES["worker"]["stop_grace_period"])

    assert grace > ServiceSettings.model_fields["shutdown_timeout_seconds"].default


def test_replicas_of_the_worker_can_share_a_machine() -> None:
    worker = SERVICES["worker"]

    assert worker["ports"] == ["127.0.0.1::8000"], "a fixed port can be had once only"
    assert "container_name" not in worker


def test_the_workers_see_models_without_being_able_to_change_them() -> None:
    (models,) = SERVICES["worker"]["volumes"]

    assert models == "${MODELS_DIR:-models}:/models:ro"


def test_prometheus_asks_for_workers_by_their_name_and_port() -> None:
    (job,) = yaml.safe_load((ROOT / "config" / "prometheus.yml").read_text())["scrape_configs"]
    (where,) = job["dns_sd_configs"]
    port = SERVICES["worker"]["environment"]["HTTP_PORT"]

    assert (where["names"], where["type"], where["port"]) == (["worker"], "A", port)


def test_prometheus_keeps_exemplars_and_what_its_image_says_besides() -> None:
    """A command replaces that of the image, whole."""
    prometheus = SERVICES["prometheus"]
    mounted = [volume["target"] for volume in prometheus["volumes"] if isinstance(volume, dict)]

    assert prometheus["command"] == [
        f"--config.file={mounted[0]}",
        f"--storage.tsdb.path={prometheus['volumes'][0].partition(':')[2]}",
        "--enable-feature=exemplar-storage",
    ]


def test_topics_are_made_under_the_names_that_the_others_know_them_by() -> None:
    made = SERVICES["topics"]["environment"]

    assert set(re.findall(r'"\$\$(\w+)"', " ".join(SERVICES["topics"]["command"]))) == {*made, "topic"}
    for name in ("worker", "demo"):
        assert made.items() <= SERVICES[name]["environment"].items()


def test_the_demo_is_served_with_the_settings_that_its_model_needs() -> None:
    wanted = settings_for("kafka:19092", Path("/models/race"))
    fixed = SERVICES["worker"]["environment"]
    given = dotenv_values(ROOT / "config" / "demo.env")

    assert given == {name: value for name, value in wanted.items() if name not in fixed}
    assert fixed["MODEL_PATH"] == f"${{MODEL_PATH:-{wanted['MODEL_PATH']}}}"


def test_a_model_of_ones_own_is_served_without_the_settings_of_the_demo() -> None:
    demo, own = SERVICES["worker"]["env_file"]

    assert demo == {"path": "config/demo${MODEL_PATH:+-is-off}.env", "required": False}
    assert not (ROOT / "config" / "demo-is-off.env").exists()
    assert own == {"path": ".env", "required": False}, "the later one wins"


def test_every_folder_and_file_that_is_mounted_is_there() -> None:
    mounts = [
        volume for service in SERVICES.values() for volume in service.get("volumes", ()) if isinstance(volume, dict)
    ]

    assert [mount["source"] for mount in mounts if not (ROOT / mount["source"]).exists()] == []
    assert all(mount["read_only"] and not mount["bind"]["create_host_path"] for mount in mounts)


def test_the_example_of_an_env_file_names_every_variable_of_the_compose_files_and_sets_none() -> None:
    example = (ROOT / ".env.example").read_text()
    asked_for = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text() + GPU.read_text()))
    docker_s_own = {"COMPOSE_FILE", "COMPOSE_PROFILES"}

    assert set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)) == asked_for | docker_s_own
    assert dotenv_values(stream=None, dotenv_path=ROOT / ".env.example") == {}


def test_with_a_gpu_all_that_runs_our_image_runs_the_one_for_gpus() -> None:
    with_gpu = yaml.safe_load(GPU.read_text())["services"]
    ours = {name for name, service in SERVICES.items() if service["image"] == "streamrank:cpu"}

    assert {name: service["image"] for name, service in with_gpu.items()} == dict.fromkeys(ours, "streamrank:gpu")
    assert with_gpu["worker"]["build"]["args"] == {"VARIANT": "gpu"}
    (device,) = with_gpu["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
