"""The tables of the retrain service's state, once for both dialects. Each is used in the module of its noun.

A new table needs no new format: it is made where it is missing. A changed one does, and a way there from the one before.
"""

from collections.abc import Collection
from typing import Final, Literal

Dialect = Literal["sqlite", "postgres"]
FORMAT: Final = 2
TABLES: Final = {
    "about": """
        CREATE TABLE about (format BIGINT NOT NULL, turn BIGINT NOT NULL);
        INSERT INTO about VALUES (2, 0)""",
    "offsets": """
        CREATE TABLE offsets (topic TEXT, partition BIGINT, next_offset BIGINT NOT NULL, PRIMARY KEY (topic, partition))""",
    "seen": """
        CREATE TABLE seen (event_id TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL);
        CREATE INDEX seen_until ON seen (until)""",
    "outbox": """
        CREATE TABLE outbox (sequence SERIAL, topic TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, headers BLOB NOT NULL)""",
    "facts": """
        CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)""",
    "ledger": """
        CREATE TABLE ledger (
            sequence BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL);
        CREATE INDEX ledger_kind ON ledger (kind, sequence)""",
    "labels": """
        CREATE TABLE labels (
            frame_id TEXT PRIMARY KEY, camera TEXT NOT NULL, captured_at DOUBLE PRECISION NOT NULL, sample TEXT,
            labelled_at DOUBLE PRECISION NOT NULL, body BLOB NOT NULL);
        CREATE INDEX labels_captured ON labels (captured_at);
        CREATE INDEX labels_sampled ON labels (sample, captured_at, camera)""",
    "pool": """
        CREATE TABLE pool (
            frame_id TEXT PRIMARY KEY, camera TEXT NOT NULL, day BIGINT NOT NULL, captured_at DOUBLE PRECISION NOT NULL, sample TEXT NOT NULL,
            dealt BIGINT NOT NULL, body BLOB NOT NULL);
        CREATE INDEX pool_captured ON pool (captured_at)""",
    "unkept": """
        CREATE TABLE unkept (frame_id TEXT PRIMARY KEY, path TEXT NOT NULL)""",
    "doubts": """
        CREATE TABLE doubts (frame_id TEXT PRIMARY KEY, label TEXT NOT NULL, likely TEXT NOT NULL, probability DOUBLE PRECISION NOT NULL)""",
    "reviews": """
        CREATE TABLE reviews (frame_id TEXT PRIMARY KEY, verdict TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    "faults": """
        CREATE TABLE faults (
            incident_id TEXT, camera TEXT, since DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION, PRIMARY KEY (incident_id, camera));
        CREATE INDEX faults_camera ON faults (camera)""",
    "jobs": """
        CREATE TABLE jobs (job_id TEXT PRIMARY KEY, request_key TEXT NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL);
        CREATE INDEX jobs_state ON jobs (state)""",
    "ending": """
        CREATE TABLE ending (name TEXT PRIMARY KEY, folder TEXT NOT NULL)""",
    "gate_uses": """
        CREATE TABLE gate_uses (recording TEXT PRIMARY KEY, verdicts BIGINT NOT NULL)""",
    "rollouts": """
        CREATE TABLE rollouts (sequence SERIAL, version TEXT UNIQUE NOT NULL, body BLOB NOT NULL)""",
    "cameras": """
        CREATE TABLE cameras (camera TEXT PRIMARY KEY, last_seen DOUBLE PRECISION NOT NULL, body BLOB NOT NULL)""",
    "answers": """
        CREATE TABLE answers (frame_id TEXT, version TEXT, label TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, PRIMARY KEY (frame_id, version));
        CREATE INDEX answers_at ON answers (at)""",
    "replicas": """
        CREATE TABLE replicas (replica TEXT PRIMARY KEY, body BLOB NOT NULL)""",
}
FROM_1: Final = """
    ALTER TABLE jobs DROP COLUMN owner;
    ALTER TABLE jobs DROP COLUMN lease_until;
    CREATE INDEX jobs_state ON jobs (state);
    CREATE INDEX ledger_kind ON ledger (kind, sequence);
    CREATE INDEX labels_sampled ON labels (sample, captured_at, camera);
    CREATE INDEX faults_camera ON faults (camera)"""
"""A SQLite file of format 1 has no `about`, fewer indices, and a job's owner and lease twice."""
_WORDS: Final[dict[Dialect, dict[str, str]]] = {
    "sqlite": {"SERIAL": "INTEGER PRIMARY KEY AUTOINCREMENT"},
    "postgres": {"SERIAL": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA"},
}


def missing(dialect: Dialect, found: Collection[str]) -> list[str]:
    """The statements that make the tables which are not among `found`."""
    made = []
    for name, text in TABLES.items():
        if name not in found:
            for word, theirs in _WORDS[dialect].items():
                text = text.replace(f" {word}", f" {theirs}")
            made += text.split(";")
    return made
