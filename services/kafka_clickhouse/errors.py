"""Errors of this service, by remedy: waiting, setting one message aside, or an operator."""


class KafkaClickHouseError(Exception):
    """The root. Its text is a sentence that a person can act on."""


class UndecodableError(KafkaClickHouseError):
    """A message that is no KafkaMsg, or holds what cannot be stored. No retry will change that."""


class StorageUnavailableError(KafkaClickHouseError):
    """ClickHouse did not do it, and may do it later. What was asked may or may not have been done: ask again."""


class RefusedError(KafkaClickHouseError):
    """ClickHouse refuses this insert, and will refuse it again: something in it cannot be stored."""


class MostRefusedError(KafkaClickHouseError):
    """ClickHouse refuses most of what it is given: rather its tables are wrong, or we are, than all the messages."""


class KafkaSilentError(KafkaClickHouseError):
    """Kafka has not answered for a while."""


class DeadLettersFailError(KafkaClickHouseError):
    """The dead-letter topic does not take messages, so that those behind them wait."""


class MostMessagesFailError(KafkaClickHouseError):
    """A partition is stopped because most of its messages cannot be decoded or stored. A restart tries again."""


class ForeignTableError(KafkaClickHouseError):
    """A table of our name that another program made, or that lacks what is needed of it."""


class ChangedHistoryError(KafkaClickHouseError):
    """The schema migrations that were applied are not those of this version."""
