"""Messages that cannot be stored: a few are set aside, most are a reason to stop."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from services.kafka_clickhouse.poison import MIN_BAD, WINDOW, PoisonWatch
from tests.kafka_clickhouse.pipeline import TRADES, Consumer, Pipeline
from tests.processes import until


async def until_problem(consumer: Consumer, dependency: str, problem: str) -> None:
    async def reported() -> bool:
        return (await consumer.problems()).get(dependency) == problem

    await until(reported, 60, f"{dependency}: {problem}")


def test_few_bad_messages_stop_nothing() -> None:
    watch = PoisonWatch()
    assert watch.check(10_000, range(0, 10_000, 3)) is None
    assert watch.check(1, [0]) is None


def test_most_of_a_window_stop_before_the_first_bad_one_in_it() -> None:
    watch = PoisonWatch()
    assert watch.check(2_000, []) is None
    assert watch.check(5_000, range(4_000, 5_000)) == 4_000


def test_too_few_messages_prove_nothing() -> None:
    watch = PoisonWatch()
    assert all(watch.check(1, [0]) is None for _ in range(MIN_BAD - 1))
    assert watch.check(1, [0]) == 0


def test_the_first_messages_are_judged_by_those_after_them() -> None:
    assert PoisonWatch().check(5_000, range(MIN_BAD)) is None
    assert PoisonWatch().check(5_000, range(WINDOW // 2)) is None
    assert PoisonWatch().check(5_000, range(WINDOW // 2 + 1)) == 0
    assert PoisonWatch().check(5_000, range(5_000)) == 0
    watch = PoisonWatch()
    assert watch.check(MIN_BAD - 1, range(MIN_BAD - 1)) is None
    assert watch.check(500, range(10)) is None


def test_with_a_limit_of_one_nothing_ever_stops() -> None:
    assert PoisonWatch(1.0).check(5_000, range(5_000)) is None


@given(st.lists(st.booleans(), min_size=1, max_size=3_000), st.integers(1, 700))
def test_it_stops_exactly_where_a_plain_count_does(bad: list[bool], batch: int) -> None:
    def counted() -> bool:
        for end in range(1, len(bad) + 1):
            window = bad[max(0, end - WINDOW) : end]
            known = min(len(bad), -(-end // batch) * batch)  # to the end of the batch in hand
            if window[-1] and sum(window) >= MIN_BAD and sum(window) > min(WINDOW, known) / 2:
                return True
        return False

    watch, stopped = PoisonWatch(), False
    for begin in range(0, len(bad), batch):
        piece = bad[begin : begin + batch]
        stopped = watch.check(len(piece), [index for index, is_bad in enumerate(piece) if is_bad]) is not None
        if stopped:
            break
    assert stopped == counted()


async def test_one_in_a_hundred_is_set_aside_with_its_reason_and_place(between: Pipeline) -> None:
    between.start()
    sent = between.kind.make(3_000)
    messages = [(tick.symbol.encode(), tick.value) for tick in sent]
    for place in range(50, 3_000, 100):
        messages.insert(place, (b"bad", b'{"s":"BTCUSDT","E":"never"}'))
    await between.send_raw(messages)
    await between.until_stored(len(sent))
    letters = await between.dead_letters(30)
    await between.assert_exactly(sent)
    assert {(letter.key, letter.value) for letter in letters} == {(b"bad", b'{"s":"BTCUSDT","E":"never"}')}
    headers = dict(letters[0].headers)
    assert b"`$.E`" in headers["reason"]
    assert headers["kind"] == b"undecodable"
    assert headers["topic"] == between.topic.encode()
    assert headers["partition"] in {b"0", b"1", b"2"}
    assert len({(dict(letter.headers)["partition"], dict(letter.headers)["offset"]) for letter in letters}) == 30


async def test_what_only_clickhouse_refuses_is_found_and_set_aside(between: Pipeline) -> None:
    between.start()
    sent = between.kind.make(500, symbols=1)
    refused = sent[250].value.replace(f': "{sent[250].price}"'.encode(), b': "6_7000.00"')
    await between.send_raw([(b"SYM0USDT", tick.value) for tick in sent[:250]])
    await between.send_raw([(b"SYM0USDT", refused)] + [(b"SYM0USDT", tick.value) for tick in sent[251:]])
    await between.until_stored(len(sent) - 1)
    (letter,) = await between.dead_letters(1)
    assert letter.value == refused
    assert dict(letter.headers)["kind"] == b"refused"
    await between.assert_exactly(sent[:250] + sent[251:])


async def test_when_clickhouse_refuses_all_it_stops_and_goes_on_once_the_table_is_right(between: Pipeline) -> None:
    table = between.kind.table
    await between.client.command(f"ALTER TABLE {table} ADD CONSTRAINT nothing CHECK receive_time < '1971-01-01'")
    consumer = between.start()
    sent = between.kind.make(500, symbols=1)
    await between.send_raw([(b"SYM0USDT", tick.value) for tick in sent])
    await until_problem(consumer, "messages", "MostMessagesFailError")
    assert "VIOLATED_CONSTRAINT" in consumer.process.output()
    assert await consumer.metric("kafka_clickhouse_dead_letters_total") < MIN_BAD
    assert await asyncio.to_thread(consumer.process.stop) == 0

    await between.client.command(f"ALTER TABLE {table} DROP CONSTRAINT nothing")
    between.start()
    await between.until_stored(len(sent) - MIN_BAD)
    await between.assert_exactly(sent)


async def test_a_record_with_neither_key_nor_value_is_a_dead_letter_like_any_other(between: Pipeline) -> None:
    between.start()
    builder = between.producer.create_batch()
    builder.append(key=None, value=None, timestamp=None)
    await (await between.producer.send_batch(builder, between.topic, partition=0))
    (letter,) = await between.dead_letters(1)
    assert (letter.key, letter.value) == (None, b"")
    await between.send(sent := between.kind.make(10))
    await between.until_stored(len(sent))


async def test_a_letter_that_is_too_large_for_its_topic_is_cut(between: Pipeline) -> None:
    between.start()
    largest = b"x" * (between.producer._max_request_size - 100)  # it fits, and with a letter's headers not
    await between.send_raw([(b"key", largest)])
    (letter,) = await between.dead_letters(1)
    assert (letter.key, letter.value) == (None, largest[: 64 * 1024])
    assert dict(letter.headers)["truncated"] == b"true"


async def test_a_start_before_some_dozens_of_bad_ones_goes_on(between: Pipeline) -> None:
    sent = between.kind.make(500, symbols=1)
    await between.send_raw([(b"SYM0USDT", b"not JSON")] * 2 * MIN_BAD)
    await between.send_raw([(b"SYM0USDT", tick.value) for tick in sent])
    between.start(BATCH_AGE_S="5")
    await between.until_stored(len(sent))
    assert len(await between.dead_letters(2 * MIN_BAD)) == 2 * MIN_BAD


async def test_when_all_are_bad_it_stops_and_goes_on_after_a_restart(between: Pipeline) -> None:
    consumer = between.start()
    good = between.kind.make(200, symbols=1)
    await between.send_raw([(b"SYM0USDT", tick.value) for tick in good])
    await between.until_stored(len(good))
    await between.send_raw([(b"SYM0USDT", b"not JSON")] * 500)
    await between.send_raw([(b"SYM0USDT", tick.value) for tick in between.kind.make(100, symbols=1, first=200)])
    await until_problem(consumer, "messages", "MostMessagesFailError")
    assert await consumer.metric("kafka_clickhouse_stopped") == 1
    assert await consumer.metric("kafka_clickhouse_dead_letters_total") < WINDOW
    assert "partition.stopped" in consumer.process.output()
    set_aside = int(await consumer.metric("kafka_clickhouse_dead_letters_total"))
    assert await asyncio.to_thread(consumer.process.stop) == 0

    same_again = between.start()
    await until_problem(same_again, "messages", "MostMessagesFailError")  # as long as nothing has changed
    assert await asyncio.to_thread(same_again.process.stop) == 0

    between.start(POISON_LIMIT_PERCENT="100")
    await between.until_stored(300)
    await between.assert_exactly(between.kind.make(300, symbols=1))
    letters = await between.dead_letters(500)
    assert len({dict(letter.headers)["offset"] for letter in letters}) >= 500 - set_aside


async def test_nothing_is_committed_before_its_dead_letters_are_written(between: Pipeline) -> None:
    name = "KAFKA_TRADE_DEAD_LETTER_TOPIC" if between.kind is TRADES else "KAFKA_DEAD_LETTER_TOPIC"
    consumer = between.start(**{name: "no topic has such a name"})
    await between.send_raw([(b"SYM0USDT", b"not JSON")])
    await until_problem(consumer, "dead_letters", "DeadLettersFailError")
    consumer.process.kill()
    between.start()
    (letter,) = await between.dead_letters(1)
    assert letter.value == b"not JSON"
