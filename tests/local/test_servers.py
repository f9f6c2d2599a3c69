"""Do the servers the stack brings along serve, and keep what they were given?"""

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def test_a_database_of_a_test_is_empty_and_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.execute("CREATE TABLE mine (id int)")
    await connection.close()


async def test_what_is_sent_to_kafka_is_read_from_it(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("round-trip", num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait("round-trip", b"value", key=b"key")
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        consumer.assign([TopicPartition("round-trip", 0)])
        await consumer.seek_to_beginning()
        record = await consumer.getone()
    assert (record.key, record.value) == (b"key", b"value")
