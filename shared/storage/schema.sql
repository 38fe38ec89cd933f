-- The schema as it is today. migrations/ lead here; a test holds the two together.
--
-- Strategy: services read tables and write through functions. A function runs with the owner's rights, takes
-- whole batches as arrays and touches mailboxes in id order, so that two batches can never wait for each other
-- in a circle. docs/storage.md tells the reasons.

CREATE SCHEMA chatmail;

-- One row: what all replicas must agree on and no operator should have to make.
CREATE TABLE chatmail.suite (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    registration    text CHECK (registration IN ('open', 'closed', 'token')), -- NULL: as MADDY_REGISTRATION says
    login_key       bytea NOT NULL, -- keys the cache of verified passwords
    certificate     text NOT NULL,  -- self-signed, until an operator gives files
    certificate_key text NOT NULL
);

CREATE TABLE chatmail.account (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address       text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    quota         bigint CHECK (quota > 0), -- NULL: as MADDY_QUOTA says
    born          date NOT NULL DEFAULT current_date
);

-- Apart from account, so that a login rewrites a small row and nothing that is indexed.
CREATE TABLE chatmail.last_login (
    account_id bigint PRIMARY KEY,
    day        date NOT NULL DEFAULT current_date
) WITH (fillfactor = 50);

-- Addresses that are not born again, and may not log in.
CREATE TABLE chatmail.barred (
    address text PRIMARY KEY,
    reason  text NOT NULL CHECK (reason IN ('deleted', 'banned')),
    since   date NOT NULL DEFAULT current_date
);

CREATE TABLE chatmail.token (
    token   text PRIMARY KEY,
    uses    integer NOT NULL CHECK (uses >= 0), -- how often it may still be used
    expires timestamptz,
    note    text NOT NULL DEFAULT '',
    made    date NOT NULL DEFAULT current_date
);

-- A mailbox deleted and made again must not carry its old UIDVALIDITY (RFC 3501 §2.3.1.1).
CREATE SEQUENCE chatmail.uidvalidity AS bigint MINVALUE 1 MAXVALUE 4294967295;

-- Only id and name are indexed: every update of the counters stays in its page (HOT).
CREATE TABLE chatmail.mailbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES chatmail.account (id),
    name        text NOT NULL,
    uidvalidity bigint NOT NULL DEFAULT nextval('chatmail.uidvalidity'),
    uidnext     bigint NOT NULL DEFAULT 1,
    modseq      bigint NOT NULL DEFAULT 1,
    messages    integer NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,
    UNIQUE (account_id, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Immutable, uncompressed (ciphertext does not shrink, and slices of EXTERNAL values read cheaply).
CREATE TABLE chatmail.body (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    header_size integer NOT NULL,
    data        bytea NOT NULL
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE chatmail.body ALTER COLUMN data SET STORAGE EXTERNAL;

-- How many messages hold a body that was stored for several recipients; no row means one holder.
CREATE TABLE chatmail.body_holders (
    body_id bigint PRIMARY KEY,
    holders integer NOT NULL CHECK (holders > 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE chatmail.message (
    mailbox_id bigint NOT NULL,
    uid        bigint NOT NULL,
    body_id    bigint NOT NULL,
    modseq     bigint NOT NULL,
    arrived    timestamptz NOT NULL DEFAULT now(),
    size       integer NOT NULL,
    flags      smallint NOT NULL DEFAULT 0, -- \Seen 1 \Answered 2 \Flagged 4 \Deleted 8 \Draft 16
    is_shared  boolean NOT NULL,            -- its body has a row in body_holders
    PRIMARY KEY (mailbox_id, uid)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- What sessions other than the one that did it must still hear of: one row an operation, kept for a day.
-- Arrivals need none: they are the UIDs from the session's uidnext on.
CREATE TABLE chatmail.mailbox_change (
    mailbox_id bigint NOT NULL,
    modseq     bigint NOT NULL,
    is_expunge boolean NOT NULL, -- else: flags
    uids       bigint[] NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mailbox_id, modseq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- What was accepted lately, so that a client that missed its 250 and repeats the same octets stores nothing twice.
CREATE TABLE chatmail.receipt (
    mailbox_id bigint NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 over envelope sender, NUL, octets as received
    day        date NOT NULL DEFAULT current_date,
    PRIMARY KEY (mailbox_id, digest)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- Which files of migrations/ this database has seen.
CREATE TABLE chatmail.migration (
    name text PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT now()
);
